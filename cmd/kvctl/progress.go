package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
)

// barInterval is the shortest time between two drawings of a bar.
const barInterval = 100 * time.Millisecond

// A bar shows progress on stderr, if that is a terminal; else it is silent. Its
// methods may be called from several goroutines.
type bar struct {
	inner *progressbar.ProgressBar
	w     io.Writer
}

// newBar returns a bar of total bytes with rate and ETA; total -1 is unknown and
// gives a spinner with the rate.
func (a *app) newBar(description string, total int64) *bar {
	if !isTerminal(a.errOut) || os.Getenv("TERM") == "dumb" {
		return &bar{}
	}
	if total == 0 {
		total = 1 // an empty task has a bar that can be full, too
	}
	theme := progressbar.Theme{Saucer: "█", SaucerHead: "█", SaucerPadding: "░", BarStart: "", BarEnd: ""}
	colour := os.Getenv("NO_COLOR") == ""
	if colour {
		theme.Saucer, theme.SaucerHead = "[green]█[reset]", "[green]█[reset]"
	}
	return &bar{w: a.errOut, inner: progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(a.errOut),
		progressbar.OptionSetDescription(description),
		progressbar.OptionShowBytes(true),
		progressbar.OptionShowCount(),
		progressbar.OptionShowTotalBytes(true),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(barInterval),
		progressbar.OptionSetWidth(24),
		progressbar.OptionUseANSICodes(false),
		progressbar.OptionEnableColorCodes(colour),
		progressbar.OptionSetTheme(theme),
		progressbar.OptionSetRenderBlankState(true),
	)}
}

func (b *bar) add(bytes int) {
	if b.inner != nil {
		_ = b.inner.Add(bytes) // a bar that cannot be drawn harms nothing
	}
}

func (b *bar) set(bytes int64) {
	if b.inner != nil {
		_ = b.inner.Set64(bytes)
	}
}

// describef replaces the text before the bar.
func (b *bar) describef(format string, args ...any) {
	if b.inner != nil {
		b.inner.Describe(fmt.Sprintf(format, args...))
	}
}

// done ends the bar as it stands, and leaves it on the screen.
func (b *bar) done() {
	if b.inner != nil {
		_ = b.inner.Exit()
		say(b.w, "\n")
	}
}
