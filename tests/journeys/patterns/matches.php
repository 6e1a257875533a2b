<?php
// PCRE: read a JSON list of patterns and texts, and print 1 for each that matches, else 0.
foreach (json_decode(stream_get_contents(STDIN)) as [$pattern, $text]) {
    $found = preg_match('~' . str_replace('~', '\~', $pattern) . '~u', $text);
    if ($found === false) {
        exit(1);
    }
    echo $found;
}
