// Finds the sidecars of one machine in a file.
//
// Whoever starts them knows their addresses, so nothing has to be announced, renewed or forgotten.
// The component of components-contrib 1.18.4 that keeps them in SQLite has each sidecar renew its
// row on one connection: when that connection is spoiled by a look-up that was cut off, or the
// machine stalls for a second, the sidecar is nowhere to be found although it is well.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/dapr/components-contrib/nameresolution"
	"github.com/dapr/kit/logger"
	"github.com/dapr/kit/metadata"
)

// The file is read at each call: it is small, and may be replaced while the sidecar runs.
type namesFile struct {
	// A JSON object: for each app-id the addresses (`host:port`) of its sidecars.
	File string `mapstructure:"file"`
}

func newNamesFile(logger.Logger) nameresolution.Resolver {
	return &namesFile{}
}

func (n *namesFile) Init(_ context.Context, md nameresolution.Metadata) error {
	if err := metadata.DecodeMetadata(md.Configuration, n); err != nil {
		return err
	}
	if n.File == "" {
		return errors.New("name resolution by file: `file` says which one")
	}
	return nil
}

func (n *namesFile) ResolveID(_ context.Context, request nameresolution.ResolveRequest) (string, error) {
	text, err := os.ReadFile(n.File)
	if err != nil {
		return "", fmt.Errorf("the names of the sidecars: %w", err)
	}
	var known map[string]nameresolution.AddressList
	if err = json.Unmarshal(text, &known); err != nil {
		return "", fmt.Errorf("the names of the sidecars in %s: %w", n.File, err)
	}
	if address := known[request.ID].Pick(); address != "" {
		return address, nil
	}
	return "", fmt.Errorf("%s names no address for %q", n.File, request.ID)
}

func (n *namesFile) Close() error {
	return nil
}
