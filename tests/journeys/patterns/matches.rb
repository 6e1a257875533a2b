# Ruby: read a JSON list of patterns and texts, and print 1 for each that matches, else 0.
require 'json'

puts JSON.parse($stdin.read).map { |pattern, text| Regexp.new(pattern).match?(text) ? 1 : 0 }.join
