local suspended = obj.spec ~= nil and obj.spec.suspend == true
local actions = {}

-- No requests are sent for a suspended mapping, so a resync has no effect.
actions["resync"] = {
  ["disabled"] = suspended,
  ["iconClass"] = "fa fa-fw fa-sync",
  ["displayName"] = "Send the groups again"
}
actions["suspend"] = {
  ["disabled"] = suspended,
  ["iconClass"] = "fa fa-fw fa-pause",
  ["displayName"] = "Suspend"
}
actions["resume"] = {
  ["disabled"] = not suspended,
  ["iconClass"] = "fa fa-fw fa-play",
  ["displayName"] = "Resume"
}
return actions
