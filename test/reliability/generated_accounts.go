package reliability

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/test/testenv"
)

// The operations on accounts.

// createAccount creates an account and its Secret, if they do not exist.
func (r *runner) createAccount(account string) {
	r.setSecret(account, "valid")
	key := r.env.key(account)
	err := k8sClient.Create(r.env.ctx, testenv.Account(key.Name, r.urls[r.endpoints[account]]).In(key.Namespace).
		Limits(1000, 1000, 16).Timeout(requestTimeout).Allow(v1alpha1.AllowedNamespaces{From: v1alpha1.NamespacesFromAll}).Build())
	if !apierrors.IsAlreadyExists(err) {
		r.env.must(err)
	}
}

func (r *runner) setSecret(account, state string) {
	user, token := r.users[account], r.tokens[account]
	switch state {
	case "valid":
		r.writeSecret(account, map[string]string{"userId": user, "token": token})
	case "wrong":
		r.writeSecret(account, map[string]string{"userId": user, "token": r.newCredential()})
	case "incomplete":
		r.writeSecret(account, map[string]string{"userId": user})
	case "ambiguous":
		r.writeSecret(account, map[string]string{"userId": user, "token": token, "ssid": r.newCredential()})
	case "deleted":
		secret := &corev1.Secret{ObjectMeta: objectMeta(r.env.secretKey(account))}
		r.env.must(client.IgnoreNotFound(k8sClient.Delete(r.env.ctx, secret)))
	}
}

// writeSecret creates the Secret of an account, or replaces its data.
func (r *runner) writeSecret(account string, data map[string]string) {
	secret := &corev1.Secret{ObjectMeta: objectMeta(r.env.secretKey(account)), StringData: data}
	err := k8sClient.Create(r.env.ctx, secret)
	if apierrors.IsAlreadyExists(err) {
		err = k8sClient.Update(r.env.ctx, secret)
	}
	r.env.must(err)
}

// rotate changes the token, first in the Secret or first in DeepCall.
func (r *runner) rotate(account, first string) {
	if first == "secret" {
		next := r.newCredential()
		r.writeSecret(account, map[string]string{"userId": r.users[account], "token": next})
		r.waitEffects(1)
		r.tokens[account] = next
		r.onServers(func(s *deepcalltest.Server) { s.RotateToken(r.users[account], next) })
		return
	}
	r.rotateInDeepCall(account)
	r.waitEffects(1)
	r.setSecret(account, "valid")
}

// rotateInDeepCall gives an account's user a new token in DeepCall.
func (r *runner) rotateInDeepCall(account string) {
	r.tokens[account] = r.newCredential()
	r.onServers(func(s *deepcalltest.Server) { s.RotateToken(r.users[account], r.tokens[account]) })
}

// newCredential returns a canary that the checks search for.
func (r *runner) newCredential() string {
	secret := newCanary(canaryMark)
	r.secrets = append(r.secrets, secret)
	return secret
}

// editAccount patches an account, if it exists.
func (r *runner) editAccount(name string, change func(*v1alpha1.DeepCallAccount)) {
	r.env.must(client.IgnoreNotFound(patch(r.env.ctx, r.env.key(name), &v1alpha1.DeepCallAccount{}, change)))
}

// moveAccount changes an account's endpoint.
func (r *runner) moveAccount(account, endpoint string) {
	if r.endpoints[account] == endpoint {
		return
	}
	r.endpoints[account] = endpoint
	r.editAccount(account, func(a *v1alpha1.DeepCallAccount) { a.Spec.Endpoint = r.urls[endpoint] })
	r.model.recordMove(account, r.revision())
}

func (r *runner) allowNamespaces(account, from string) {
	r.editAccount(account, func(a *v1alpha1.DeepCallAccount) { a.Spec.AllowedNamespaces.From = v1alpha1.NamespacesFrom(from) })
}

// retryAccount requests a reconcile of an account, and with it a resync of all its mappings.
func (r *runner) retryAccount(account string) {
	r.editAccount(account, func(a *v1alpha1.DeepCallAccount) {
		metav1.SetMetaDataAnnotation(&a.ObjectMeta, v1alpha1.ReconcileRequestedAtAnnotation, r.nextRequest())
	})
	r.model.recordAccountRequest(account)
}

// nextRequest returns a new value for the reconcile request annotation.
func (r *runner) nextRequest() string {
	r.reconcileRequests++
	return strconv.Itoa(r.reconcileRequests)
}

// deleteAccount deletes an account, its Secret and all its mappings.
func (r *runner) deleteAccount(account string) {
	r.setSecret(account, "deleted")
	r.env.must(client.IgnoreNotFound(k8sClient.Delete(r.env.ctx, &v1alpha1.DeepCallAccount{ObjectMeta: objectMeta(r.env.key(account))})))
	r.deleteMappings(account)
}

func (r *runner) deleteMappings(account string) {
	for _, f := range mappingFixtures {
		if f.account == account {
			r.delete(f.name)
		}
	}
}
