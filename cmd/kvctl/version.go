package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker in releases (-X main.version=...).
var version string

// programVersion is what the linker said, else what the module system knows.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of kvctl",
		Args:  cobra.NoArgs,
		RunE: verb(func(*cobra.Command, []string) error {
			shape := struct {
				Version string `json:"version"`
				Go      string `json:"go"`
				JSON    int    `json:"json"`
			}{programVersion(), runtime.Version(), jsonVersion}
			return a.emit(shape, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "kvctl %s (%s)\n", shape.Version, shape.Go)
				return err
			})
		}),
	}
}
