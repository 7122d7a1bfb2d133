-- The conditions follow kstatus. The operator sets Reconciling while it retries, or Stalled when the user
-- must act, but never both.
local hs = {
  status = "Progressing",
  message = "Waiting for the operator to observe this generation"
}
local metadata = obj.metadata or {}
local spec = obj.spec or {}
local status = obj.status or {}
local observed = status.observedGeneration == metadata.generation

local ready = {}
local progress = nil
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Ready" then
    ready = condition
  elseif (condition.type == "Reconciling" or condition.type == "Stalled") and condition.status == "True" then
    progress = progress or condition.type
  end
end

if metadata.deletionTimestamp ~= nil then
  hs.message = "Pending deletion"
  if observed and ready.status == "False" then
    hs.message = ready.message
  end
  return hs
end

if not observed then
  return hs
end

if ready.status ~= nil then
  hs.message = ready.message or ""
end

-- Show that the mapping is suspended even if it is synced, so that users don't forget it.
if spec.suspend == true then
  hs.status = "Suspended"
  if ready.status == "True" then
    hs.message = "The mapping is suspended. " .. hs.message
  end
  return hs
end

if progress == "Stalled" then
  hs.status = "Degraded"
elseif progress == nil and ready.status == "True" then
  hs.status = "Healthy"
end
return hs
