local actions = {}

actions["resync"] = {
  ["disabled"] = false,
  ["iconClass"] = "fa fa-fw fa-sync",
  ["displayName"] = "Try the credentials again"
}
return actions
