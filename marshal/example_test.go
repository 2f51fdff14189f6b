package marshal_test

import (
	"errors"
	"fmt"

	"ironkv/marshal"
)

// A host decodes a request, and keeps of it only what it clones.
func Example() {
	datagram := marshal.Append(nil, &marshal.SetRequest{
		RequestHeader: marshal.RequestHeader{Session: marshal.SessionID{0xab}, Number: 7},
		Key:           "apple",
		Value:         []byte("red"),
	})

	var decoder marshal.Decoder
	m, err := decoder.Decode(datagram)
	if err != nil {
		fmt.Println(err)
		return
	}
	kept := marshal.Clone(m)
	clear(datagram) // the buffer is used again

	request := kept.(*marshal.SetRequest)
	fmt.Printf("%v #%d: %v = %s\n", request.Session, request.Number, request.Key, request.Value)
	// Output: facbf474 #7: "apple" = red
}

// What is no message is an error that says where.
func ExampleDecode_malformed() {
	b := marshal.Append(nil, &marshal.Refusal{Reason: marshal.DiskFull})
	_, err := marshal.Decode(append(b, 0))
	fmt.Println(errors.Is(err, marshal.ErrMalformed), err)
	// Output: true malformed message: Refusal, byte 22: bytes follow its end
}
