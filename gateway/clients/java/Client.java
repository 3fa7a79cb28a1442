import com.google.protobuf.ByteString;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import glyph.v1.Gateway.*;
import glyph.v1.GlyphServiceGrpc;
import glyph.v1.Vlm.GenerationOptions;
import io.grpc.*;
import io.grpc.protobuf.StatusProto;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Asks Glyph: a whole answer, a stream, a call that is cancelled, an error with its details. */
public class Client {
  /** Calls onText for each piece of the answer, as they come. */
  static void ask(Channel channel, AskRequest request, Consumer<String> onText) throws Exception {
    var stub = GlyphServiceGrpc.newBlockingStub(channel).withDeadlineAfter(60, TimeUnit.SECONDS);
    try {
      stub.ask(request).forEachRemaining(event -> {
        if (event.hasDelta()) onText.accept(event.getDelta().getText());
      });
    } catch (StatusRuntimeException error) {
      showError(error);
    }
  }

  static void showError(StatusRuntimeException error) throws Exception {
    System.out.println(error.getStatus().getCode() + ": " + error.getStatus().getDescription());
    for (var detail : StatusProto.fromThrowable(error).getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        System.out.println("  reason " + detail.unpack(ErrorInfo.class).getReason());
      } else if (detail.is(BadRequest.class)) {
        for (var violation : detail.unpack(BadRequest.class).getFieldViolationsList())
          System.out.println("  field " + violation.getField() + ": " + violation.getDescription());
      } else if (detail.is(RetryInfo.class)) {
        System.out.println("  retry after " + detail.unpack(RetryInfo.class).getRetryDelay().getSeconds() + " s");
      }
    }
  }

  public static void main(String[] args) throws Exception {
    var channel = ManagedChannelBuilder.forTarget(args[0]).usePlaintext().build();
    var request = AskRequest.newBuilder()
        .addParts(AskPart.newBuilder().setDocument(Document.newBuilder().setText(ByteString.copyFromUtf8(args[1]))))
        .addParts(AskPart.newBuilder().setText(args[2])).build();
    var answer = new StringBuilder();
    System.out.print("ask: ");
    ask(channel, request, answer::append);
    System.out.print(answer + "\nstream: ");
    ask(channel, request, text -> System.out.print(text + "|"));
    System.out.print("\ncancel: ");
    var context = Context.current().withCancellation();
    context.call(() -> { ask(channel, request, text -> context.cancel(null)); return null; });
    System.out.print("error: ");
    var wrong = GenerationOptions.newBuilder().setTemperature(3).setTopP(0);
    ask(channel, request.toBuilder().setGeneration(wrong).build(), System.out::print);
    channel.shutdown();
  }
}
