-- One dead letter. Request: task_id. Reply: letter, with its input and its history; nothing if it is none.
local id = request.task_id
if redis.call('HGET', record_key(id), 'state') ~= 'failure' then return reply({}) end
return reply({letter = letter(id, {'input', 'history', unpack(LETTER)})})
