module hanzo-fn/benchmarks/peers

go 1.19
