-- Counts the tickets just published as in flight. Request: published. Reply: missing, how many are still.
if request.published > 0 then redis.call('HINCRBY', META, 'tickets', request.published) end
return reply({missing = missing_tickets(known_batch())})
