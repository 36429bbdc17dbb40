-- The live workers. ARGV: offset ; answers for each: name, state, version, since, batch, problem
local reply = {now}
for _, name in ipairs(redis.call('ZRANGE', WORKERS, 0, -1)) do
  local w = redis.call('HMGET', worker_key(name), 'state', 'version', 'since', 'batch', 'problem')
  if w[1] then reply[#reply + 1] = {name, w[1], w[2], tonumber(w[3]), tonumber(w[4]), w[5] or ''} end
end
return reply
