-- Nine reads of a random post of POSTS for each new post, published with TOKEN; BODY is its JSON.
require "summary"

local posts, publish

function init(arguments)
  posts = tonumber(arguments[1])
  local headers = { ["Authorization"] = "Bearer " .. arguments[2], ["Content-Type"] = "application/json" }
  publish = wrk.format("POST", "/posts", headers, arguments[3])
  math.randomseed(1)
end

function request()
  if math.random(10) == 1 then
    return publish
  end
  return wrk.format("GET", "/posts/" .. math.random(posts))
end
