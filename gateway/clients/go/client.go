// Asks Glyph: a whole answer, a stream, a call that is cancelled, an error with its details.
package main // client HOST:PORT DOCUMENT QUESTION

import (
	"context"
	"fmt"
	glyph "glyph/v1"
	"io"
	"os"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// Calls onText for each piece of the answer, as they come.
func ask(client glyph.GlyphServiceClient, request *glyph.AskRequest, onText func(string, context.CancelFunc)) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	call, err := client.Ask(ctx, request)
	for event := (*glyph.AskResponse)(nil); err == nil; event, err = call.Recv() {
		if delta := event.GetDelta(); delta != nil {
			onText(delta.Text, cancel)
		}
	}
	if err != io.EOF {
		showError(status.Convert(err))
	}
}

func showError(failure *status.Status) {
	fmt.Printf("%v: %s\n", failure.Code(), failure.Message())
	for _, detail := range failure.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			fmt.Println("  reason", detail.Reason)
		case *errdetails.BadRequest:
			fmt.Println("  fields", detail.FieldViolations)
		case *errdetails.RetryInfo:
			fmt.Println("  retry after", detail.RetryDelay.Seconds, "s")
		}
	}
}

func main() {
	connection, _ := grpc.Dial(os.Args[1], grpc.WithInsecure())
	client := glyph.NewGlyphServiceClient(connection)
	document := &glyph.AskPart_Document{Document: &glyph.Document{Text: []byte(os.Args[2])}}
	parts := []*glyph.AskPart{{Part: document}, {Part: &glyph.AskPart_Text{Text: os.Args[3]}}}
	answer, wrong := "", float32(3)
	fmt.Print("ask: ")
	ask(client, &glyph.AskRequest{Parts: parts}, func(text string, _ context.CancelFunc) { answer += text })
	fmt.Print(answer, "\nstream: ")
	ask(client, &glyph.AskRequest{Parts: parts}, func(text string, _ context.CancelFunc) { fmt.Print(text, "|") })
	fmt.Print("\ncancel: ")
	ask(client, &glyph.AskRequest{Parts: parts}, func(_ string, cancel context.CancelFunc) { cancel() })
	fmt.Print("error: ")
	ask(client, &glyph.AskRequest{Parts: parts, Generation: &glyph.GenerationOptions{Temperature: &wrong}}, nil)
}
