// Package smalldisk gives tests file systems that can be filled up.
package smalldisk
