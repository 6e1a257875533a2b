-- Conditional requests with current ETags: pairs of PATH and ETAG.
require "summary"

local requests, turn = {}, 0

function init(arguments)
  for each = 1, #arguments, 2 do
    wrk.headers["If-None-Match"] = arguments[each + 1]
    requests[#requests + 1] = wrk.format("GET", arguments[each])
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end
