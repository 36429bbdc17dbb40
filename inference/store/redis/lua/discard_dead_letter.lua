-- discard: failure → tombstone, by an operator. Request: task_id. Reply: done, whether it is a tombstone now.
local id = request.task_id
local r = load(id)
if r and r.state == 'failure' then
  to_tombstone(id, r, DEAD)
  return reply({done = true})
end
return reply({done = r ~= nil and r.state == 'forgotten'})
