-- The same PATH each time.
require "summary"

local message

function init(arguments)
  message = wrk.format("GET", arguments[1])
end

function request()
  return message
end
