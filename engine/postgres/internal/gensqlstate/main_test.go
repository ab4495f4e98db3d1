package main

import (
	"bytes"
	"os"
	"testing"
)

// TestFresh says when the committed table is not the one that errcodes.txt gives.
func TestFresh(t *testing.T) {
	f, err := os.Open("errcodes.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want, err := generate(f)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../sqlstate_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("sqlstate_gen.go is stale: run go generate ./engine/postgres")
	}
}
