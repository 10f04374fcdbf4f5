// Package sdk is what a Go function of hanzo-fn is written with.
//
//	package main
//
//	import "github.com/hanzoai/functions/sdk"
//
//	func Greet(ctx *sdk.Context) *sdk.Response {
//		return sdk.OK(map[string]any{"hello": ctx.Data["name"]})
//	}
//
// A handler takes the context, and returns *Response, (*Response, error), (any, error), error or nothing. One that
// takes an io.Reader as second parameter is called when the head of the request is there and reads the body itself.
//
// The platform writes the function main that serves the handler; a program of your own calls server.Main.
// Tests make their context with package sdktest.
package sdk
