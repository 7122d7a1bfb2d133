package explain

import "github.com/deepcall/deepcall-operator/api/v1alpha1"

// Reasons that no condition has, which the roster of kubectl deepcall shows in place of one.
const (
	// ReasonPending: the operator has not acted on the latest change yet.
	ReasonPending = "Pending"
	// ReasonDeleting: the mapping is being deleted.
	ReasonDeleting = "Deleting"
)

// Sentences that several reasons share.
const (
	nothing     = "Nothing more."
	actsOnNews  = "It acts as soon as the account or the Secret changes; till then it makes no call with this account."
	nobody      = "Nobody."
	accountsJob = "Whoever owns the account"
)

// own are the reasons that the operator gives itself. The first are a mapping's, then come an account's, then those
// that only the roster shows.
var own = []Topic{
	{
		Reason: v1alpha1.ReasonSynced, Class: Own,
		Meaning:  "DeepCall confirmed the declared groups, or there is nothing to send.",
		Operator: "It sends the groups again at every resyncInterval.", Remedy: nobody,
	},
	{
		Reason: v1alpha1.ReasonSuspended, Class: Own,
		Meaning:  "spec.suspend is set, and the mapping's spec is not what DeepCall last confirmed.",
		Operator: "It makes no call for this mapping.", Remedy: "Whoever owns the mapping resumes it: kubectl deepcall resume NAME.",
	},
	{
		Reason: v1alpha1.ReasonConflict, Class: Own,
		Meaning:  "Another mapping of the same agent holds a group that this one declares too.",
		Operator: "It keeps to the present holder, and sends this mapping's other groups; this one takes over by itself when the holder lets go.",
		Remedy:   "Whoever owns the two mappings takes the group that the message names out of one of them; kubectl deepcall roster --agent ID -A shows all that you may see.",
	},
	{
		Reason: v1alpha1.ReasonAccountNotFound, Class: Own,
		Meaning:  "There is no DeepCallAccount of that name in the mapping's namespace.",
		Operator: "It acts as soon as the account is there.",
		Remedy:   "Whoever owns the mapping creates the account; if spec.accountRef is wrong, they delete the mapping and create it with the right one.",
	},
	{
		Reason: v1alpha1.ReasonAccountNotPermitted, Class: Own,
		Meaning:  "The account of the other namespace does not exist, or does not allow mappings of this one; which of the two is not told.",
		Operator: "It acts as soon as that changes.", Remedy: accountsJob + " allows the namespace in spec.allowedNamespaces; if spec.accountRef is wrong, whoever owns the mapping deletes it and creates it with the right one.",
	},
	{
		Reason: v1alpha1.ReasonAccountNotReady, Class: Own,
		Meaning:  "The account can't be used now; its own conditions say why.",
		Operator: "It sends the mapping as soon as the account can be used.",
		Remedy:   "Whoever owns the account looks at kubectl describe dca NAME, and at what kubectl deepcall code says about the reason there.",
	},
	{
		Reason: v1alpha1.ReasonUntried, Class: Own,
		Meaning:  "The account looks right, and DeepCall has not accepted a call with these credentials yet.",
		Operator: "It makes one call at a time until one succeeds.", Remedy: nobody,
	},
	{
		Reason: v1alpha1.ReasonUsable, Class: Own,
		Meaning: "DeepCall accepts the account's calls.", Operator: nothing, Remedy: nobody,
	},
	{
		Reason: v1alpha1.ReasonUnreachable, Class: Own,
		Meaning:  "DeepCall failed to answer several times in a row.",
		Operator: "It tries with one call at a time, from a second to a minute apart; the first that succeeds opens the account for all its mappings.",
		Remedy:   "Nobody: the first success opens the account; if it lasts, whoever runs the cluster checks the way to DeepCall (DNS, firewall, network policy), and asks DeepCall's support.",
	},
	{
		Reason: v1alpha1.ReasonSecretNotFound, Class: Own,
		Meaning:  "The Secret that spec.credentialsSecretRef names does not exist in the account's namespace.",
		Operator: actsOnNews, Remedy: accountsJob + " creates the Secret, with ssid, or with userId and token.",
	},
	{
		Reason: v1alpha1.ReasonSecretForbidden, Class: Own,
		Meaning:  "The operator has no right to read the Secret.",
		Operator: "It looks again every minute.", Remedy: "Whoever runs the cluster gives the operator the right, as its Role in config/rbac has it.",
	},
	{
		Reason: v1alpha1.ReasonInvalidCredentials, Class: Own,
		Meaning:  "The Secret does not hold what it must: ssid, or userId and token, and not both.",
		Operator: actsOnNews, Remedy: accountsJob + " corrects the Secret.",
	},
	{
		Reason: v1alpha1.ReasonInvalidEndpoint, Class: Own,
		Meaning:  "spec.endpoint can't be used: it must be a URL that begins with https, with a host, and without a user, a query or a fragment.",
		Operator: actsOnNews,
		Remedy:   accountsJob + " corrects spec.endpoint; for development, the operator can run with --allow-insecure-endpoints.",
	},
	{
		Reason: v1alpha1.ReasonInvalidCABundle, Class: Own,
		Meaning:  "spec.caBundle holds no PEM certificate.",
		Operator: actsOnNews, Remedy: accountsJob + " corrects spec.caBundle, or leaves it out.",
	},
	{
		Reason: v1alpha1.ReasonInvalidSelector, Class: Own,
		Meaning:  "spec.allowedNamespaces.selector can't be read.",
		Operator: actsOnNews, Remedy: accountsJob + " corrects the selector.",
	},
	{
		Reason: v1alpha1.ReasonSelectorNotSupported, Class: Own,
		Meaning:  "spec.allowedNamespaces.from is Selector, and an operator that watches only some namespaces can't read their labels.",
		Operator: actsOnNews, Remedy: accountsJob + " chooses Same or All instead.",
	},
	{
		Reason: ReasonPending, Class: Own,
		Meaning:  "The newest change has not been sent yet. Only the roster says so.",
		Operator: "It acts within seconds, or when the change's turn comes: the account's limits let so many calls through, and DeepCall may ask to wait, up to an hour.",
		Remedy:   "Nobody: if it lasts, whoever runs the cluster sees that the operator runs (kubectl get pods -A -l app.kubernetes.io/name=deepcall-operator), and watches this namespace.",
	},
	{
		Reason: ReasonDeleting, Class: Own,
		Meaning:  "The mapping is being deleted. Only the roster says so.",
		Operator: "It tells DeepCall to stop the calls, and then lets the mapping go.",
		Remedy:   "Nobody: if it lasts, whoever owns the mapping looks at kubectl describe agm NAME; setting spec.removalPolicy to Orphan lets it go at once, with the calls as they are.",
	},
}
