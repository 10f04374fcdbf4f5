module {{name}}

go 1.22

// The platform puts its own copy in this place, and hanzo-fn init, dev and test do so for you in go.work.
require github.com/hanzoai/functions/sdk v0.0.0
