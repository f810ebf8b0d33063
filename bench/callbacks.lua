-- Posts one callback a payment: token, CheckoutRequestID and receipt come from a file, a line each.
local threads = 0
function setup(thread) thread:set("number", threads); threads = threads + 1 end

function init(args)
  lines, at = {}, 0
  local place = 0
  for line in io.lines(args[1]) do
    if place % tonumber(args[2]) == number then lines[#lines + 1] = line end
    place = place + 1
  end
end

function request()
  at = at + 1
  local token, checkout, receipt = string.match(lines[at] or lines[#lines], "(%S+) (%S+) (%S+)")
  local body = '{"Body":{"stkCallback":{"MerchantRequestID":"29115-34620561-1","CheckoutRequestID":"' .. checkout ..
    '","ResultCode":0,"ResultDesc":"The service request is processed successfully.","CallbackMetadata":{"Item":[' ..
    '{"Name":"Amount","Value":100.00},{"Name":"MpesaReceiptNumber","Value":"' .. receipt .. '"},{"Name":"Balance"},' ..
    '{"Name":"TransactionDate","Value":20261121093014},{"Name":"PhoneNumber","Value":254712345678}]}}}}'
  return wrk.format("POST", "/c/" .. token, {["Content-Type"] = "application/json;charset=UTF-8"}, body)
end

function done(summary, latency, requests)
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), summary.errors.status + summary.errors.timeout + summary.errors.read))
end
