# Asks Glyph: a whole answer, a stream, a call that is cancelled, an error with its details.
#
#     ruby -I STUBS client.rb HOST:PORT DOCUMENT QUESTION
require 'glyph/v1/gateway_services_pb'
require 'google/protobuf/well_known_types'
require 'google/rpc/error_details_pb'
require 'google/rpc/status_pb'

def ask(stub, request)
  puts stub.ask(request, deadline: Time.now + 60).map { |event| event.delta&.text }.join
end

def stream(stub, request)
  stub.ask(request, deadline: Time.now + 60).each do |event|
    print event.delta.text, '|' if event.delta
  end
  puts
end

def cancel(stub, request)
  call = stub.ask(request, return_op: true)
  call.execute.each { |event| call.cancel if event.delta } # raises when the call has ended
end

def show_error(error)
  puts "#{error.class}: #{error.details}"
  error.to_rpc_status&.details&.each do |detail|
    if detail.is(Google::Rpc::ErrorInfo)
      puts "  reason #{detail.unpack(Google::Rpc::ErrorInfo).reason}"
    elsif detail.is(Google::Rpc::BadRequest)
      detail.unpack(Google::Rpc::BadRequest).field_violations.each do |violation|
        puts "  field #{violation.field}: #{violation.description}"
      end
    elsif detail.is(Google::Rpc::RetryInfo)
      puts "  retry after #{detail.unpack(Google::Rpc::RetryInfo).retry_delay.seconds} s"
    end
  end
end

address, document, question = ARGV
parts = [Glyph::V1::AskPart.new(document: Glyph::V1::Document.new(text: document.b)),
         Glyph::V1::AskPart.new(text: question)]
request = Glyph::V1::AskRequest.new(parts: parts)
wrong = Glyph::V1::AskRequest.new(
  parts: parts, generation: Glyph::V1::GenerationOptions.new(temperature: 3, top_p: 0))
stub = Glyph::V1::GlyphService::Stub.new(address, :this_channel_is_insecure)
[[:ask, request], [:stream, request], [:cancel, request], [:ask, wrong]].each do |call, message|
  print message == wrong ? 'error' : call, ': '
  send(call, stub, message)
rescue GRPC::BadStatus => e
  show_error(e)
end
