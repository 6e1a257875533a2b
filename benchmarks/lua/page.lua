-- PATH, again and again.
require "answers"

local asked

function init(arguments)
  asked = wrk.format("GET", arguments[1])
end

function request()
  return asked
end
