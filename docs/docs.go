// Package docs holds those pages of the documentation that the program can
// show.
package docs

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed actions/*.md
var pages embed.FS

// Action is the reference page of an action, in Markdown.
func Action(name string) (string, error) {
	page, err := pages.ReadFile("actions/" + name + ".md")
	if err != nil {
		return "", fmt.Errorf("read the page of %s: %w", name, err)
	}
	text, _, _ := strings.Cut(string(page), "\n<!--") // who generated it
	return text, nil
}

// Summary is the first sentence of an action's page.
func Summary(name string) (string, error) {
	page, err := Action(name)
	if err != nil {
		return "", err
	}
	_, body, _ := strings.Cut(page, "\n\n") // after the title
	first, _, _ := strings.Cut(body, "\n\n")
	sentence, _, more := strings.Cut(first, ". ")
	if more {
		sentence += "."
	}
	return sentence, nil
}
