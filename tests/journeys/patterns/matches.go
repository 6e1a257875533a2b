// RE2: read a JSON list of patterns and texts, and print 1 for each that matches, else 0.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
)

func main() {
	var cases [][]string
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	for _, each := range cases {
		if regexp.MustCompile(each[0]).MatchString(each[1]) {
			fmt.Print("1")
		} else {
			fmt.Print("0")
		}
	}
}
