// Command hello is the upstream of the invoke suite: a small JSON answer over TCP with keep-alive.
package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	body := []byte(`{"message":"hello","ok":true}`)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
