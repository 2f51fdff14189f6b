package marshal

import "testing"

// benchItems is the length of the lists in the messages that are measured.
const benchItems = 100

func BenchmarkAppend(b *testing.B) {
	for _, m := range typical(benchItems) {
		b.Run(nameOf(m), func(b *testing.B) {
			buf := Append(nil, m)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				buf = Append(buf[:0], m)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, m := range typical(benchItems) {
		b.Run(nameOf(m), func(b *testing.B) {
			var d Decoder
			buf := Append(nil, m)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Decode(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
