local actions = {}

actions["resync"] = {
  ["disabled"] = false,
  ["iconClass"] = "fa fa-fw fa-sync",
  ["displayName"] = "Send the groups of all mappings again"
}
return actions
