-- One post, any of POSTS: posts are read all over the database, not again and again in one place.
require "answers"

local posts

function init(arguments)
  posts = tonumber(arguments[1])
  math.randomseed(1)
end

function request()
  return wrk.format("GET", "/posts/" .. math.random(posts))
end
