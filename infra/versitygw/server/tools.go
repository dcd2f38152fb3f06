//go:build tools

// Package tools pins the S3 server that the tests of the store run against.
package tools

import _ "github.com/versity/versitygw/cmd/versitygw"
