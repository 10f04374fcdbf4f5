module github.com/hanzoai/functions/sdk

go 1.22
