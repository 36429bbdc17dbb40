-- Raises the guess by the tickets just published. Request: published. Reply: missing, how many are still.
if request.published > 0 then redis.call('HINCRBY', META, 'tickets', request.published) end
return reply({missing = shortage(known_batch())})
