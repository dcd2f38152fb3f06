//go:build tools

// Package tools pins the Temporal development server that edgeloom builds when no download can be had.
package tools

import _ "github.com/temporalio/cli/cmd/temporal"
