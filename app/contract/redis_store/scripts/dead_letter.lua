-- One dead letter. ARGV: offset, id ; answers match_id, created, ended, attempts, epoch, error, trace, input, history; nothing if it is none.
local id = ARGV[2]
local values = redis.call('HMGET', record_key(id), 'match_id', 'created', 'ended', 'attempts', 'epoch', 'error', 'trace', 'input', 'history', 'state')
if values[10] ~= 'failure' then return {now} end
for n = 1, 9 do values[n] = values[n] or '' end
return {now, unpack(values, 1, 9)}
