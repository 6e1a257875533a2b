-- Copies that are current: pairs of PATH and ETAG.
require "answers"

local asked, turn = {}, 0

function init(arguments)
  for each = 1, #arguments, 2 do
    wrk.headers["If-None-Match"] = arguments[each + 1]
    asked[#asked + 1] = wrk.format("GET", arguments[each])
  end
end

function request()
  turn = turn % #asked + 1
  return asked[turn]
end
