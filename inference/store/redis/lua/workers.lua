-- The live workers. Request: nothing. Reply: workers, each with worker_id, state, version, since, batch, problem, identity.
local workers = {}
for _, name in ipairs(redis.call('ZRANGE', WORKERS, 0, -1)) do
  local worker = read(worker_key(name), {'state', 'version', 'since', 'batch', 'problem', 'identity'})
  if #worker > 0 then
    worker[#worker + 1], worker[#worker + 2] = 'worker_id', name
    workers[#workers + 1] = worker
  end
end
return reply({workers = workers})
