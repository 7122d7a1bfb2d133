package guides

// setupMapping creates the objects that most how-to pages start with.
const setupMapping = `
kubectl delete agm,dca,secrets --all
curl -sf -X POST "$DEEPCALL/_sim/reset"
` + applyMapping

// applyMapping applies the account acme, and agent 7 in two groups.
const applyMapping = `
kubectl apply -f - <<END
apiVersion: v1
kind: Secret
metadata: {name: acme-deepcall}
stringData: {userId: "1001", token: s3cr3t}
---
apiVersion: telephony.deepcall.com/v1alpha1
kind: DeepCallAccount
metadata: {name: acme}
spec: {endpoint: "$DEEPCALL", credentialsSecretRef: {name: acme-deepcall}}
---
apiVersion: telephony.deepcall.com/v1alpha1
kind: AgentGroupMapping
metadata: {name: asha}
spec:
  accountRef: {name: acme}
  agentID: "7"
  groups: [{groupID: "90", receiveCall: true}, {groupID: "91", receiveCall: false}]
END
kubectl wait agm/asha --for=condition=Ready --timeout=60s
`

// setupNewToken makes DeepCall accept the new credentials of docs/how-to/rotate-credentials.md.
const setupNewToken = setupMapping + `
curl -sf -X PUT "$DEEPCALL/_sim/accounts" -d '{"userId":"1001","token":"n3w","sessions":["s3ss10n"]}'
`

// setupBundle creates a file with the certificates of a CA, here that of the API server.
const setupBundle = setupMapping + `
kubectl config view --raw --flatten -o jsonpath='{.clusters[0].cluster.certificate-authority-data}' | base64 -d > ca.crt
grep -q CERTIFICATE ca.crt
`

// setupSamples creates the files of the demo, whose output README.md shows.
const setupSamples = `
sed "s|https://v4-api.deepcall.com|$DEEPCALL|" config/samples/account.yaml > account.yaml
cp config/samples/mapping.yaml .
`

// setupInstallation creates the objects of config/default, and mappings that are not synced: ben is rejected, and carl
// conflicts with asha.
const setupInstallation = setupMapping + `
kubectl apply -k "$(readlink config)/default"
kubectl apply -f - <<END
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: deepcall-operator.telephony.deepcall.com, namespace: deepcall-operator-system}
---
apiVersion: telephony.deepcall.com/v1alpha1
kind: AgentGroupMapping
metadata: {name: ben}
spec:
  accountRef: {name: acme}
  agentID: "7"
  groups: [{groupID: "99", receiveCall: true}]
---
apiVersion: telephony.deepcall.com/v1alpha1
kind: AgentGroupMapping
metadata: {name: carl}
spec:
  accountRef: {name: acme}
  agentID: "7"
  groups: [{groupID: "90", receiveCall: false}]
END
kubectl wait agm/ben agm/carl --for=condition=Stalled --timeout=60s
kubectl create namespace argocd
kubectl create configmap argocd-cm -n argocd
`

// setupRejected adds a mapping that DeepCall rejects.
const setupRejected = setupMapping + `
kubectl apply -f - <<END
apiVersion: telephony.deepcall.com/v1alpha1
kind: AgentGroupMapping
metadata: {name: ben}
spec:
  accountRef: {name: acme}
  agentID: "7"
  groups: [{groupID: "92", receiveCall: true}, {groupID: "99", receiveCall: true}]
END
kubectl wait agm/ben --for=condition=Stalled --timeout=60s
`

// setupWithoutPolicies waits until the API server no longer enforces the policies that the previous page deleted: it notices that
// within seconds.
const setupWithoutPolicies = `
for _ in $(seq 100); do
kubectl create --dry-run=server -f - <<END && break
apiVersion: telephony.deepcall.com/v1alpha1
kind: DeepCallAccount
metadata: {name: probe}
spec: {endpoint: "$DEEPCALL", credentialsSecretRef: {name: acme-deepcall}}
END
sleep 0.1
done
`

// setupRunning creates the objects of config/default, and sets their status and lease as the operator's Pod would.
const setupRunning = setupMapping + `
kubectl apply -k "$(readlink config)/default"
kubectl patch deployment deepcall-operator-controller-manager -n deepcall-operator-system --subresource=status --type=merge \
  -p '{"status":{"observedGeneration":99,"replicas":1,"readyReplicas":1,"updatedReplicas":1}}'
kubectl delete lease --all -n deepcall-operator-system
kubectl create -f - <<END
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: deepcall-operator.telephony.deepcall.com, namespace: deepcall-operator-system}
spec: {holderIdentity: pod-1_0b1c2d3e, leaseDurationSeconds: 3600, renewTime: "$(date -u +%FT%T.000000Z)"}
END
`
