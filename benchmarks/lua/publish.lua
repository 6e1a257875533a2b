-- A post to publish, with TOKEN: BODY is its JSON.
require "answers"

local asked

function init(arguments)
  wrk.headers["Authorization"] = "Bearer " .. arguments[1]
  wrk.headers["Content-Type"] = "application/json"
  asked = wrk.format("POST", "/posts", nil, arguments[2])
end

function request()
  return asked
end
