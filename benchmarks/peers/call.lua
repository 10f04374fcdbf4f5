-- A call as the SDK's overhead is measured with: a small JSON body and a header that the handler reads.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["X-Caller"] = "benchmark"
wrk.body = '{"name":"you"}'
