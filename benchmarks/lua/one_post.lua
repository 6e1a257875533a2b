-- A random post of POSTS, so that reads are spread over the whole database.
require "summary"

local posts

function init(arguments)
  posts = tonumber(arguments[1])
  math.randomseed(1)
end

function request()
  return wrk.format("GET", "/posts/" .. math.random(posts))
end
