package client

// A ScanOption changes what [Client.Scan] reads.
type ScanOption func(*scanOptions)

type scanOptions struct {
	keysOnly    bool
	limit       int
	pageEntries int
	pageBytes   int
}

// KeysOnly leaves the values out.
func KeysOnly() ScanOption { return func(o *scanOptions) { o.keysOnly = true } }

// Limit ends a scan after n entries; 0 or less does not.
func Limit(n int) ScanOption { return func(o *scanOptions) { o.limit = n } }

// PageSize asks for pages of at most so many entries and about so many bytes;
// 0 leaves either to the host.
func PageSize(entries, bytes int) ScanOption {
	return func(o *scanOptions) { o.pageEntries, o.pageBytes = entries, bytes }
}
