// Package configs holds the recipes that come with the program. Each opens with the commands that reproduce it and gives
// a reason for each value; `distill recipes cp` makes one your own.
package configs

import (
	"embed"
	"slices"
	"strings"
)

// Files holds the recipes, NAME.yaml each.
//
//go:embed *.yaml
var Files embed.FS

// Names returns the recipes' names in order.
func Names() []string {
	entries, err := Files.ReadDir(".")
	if err != nil {
		panic("configs: " + err.Error()) // the folder is compiled in
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}
