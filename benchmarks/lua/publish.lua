-- A new post, published with TOKEN; BODY is its JSON.
require "summary"

local publish

function init(arguments)
  wrk.headers["Authorization"] = "Bearer " .. arguments[1]
  wrk.headers["Content-Type"] = "application/json"
  publish = wrk.format("POST", "/posts", nil, arguments[2])
end

function request()
  return publish
end
