// Package pages has no code of its own: its tests hold what the project's pages say of
// the tree against the tree.
package pages
