package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/deepcall/deepcalltest"
	"github.com/deepcall/deepcall-operator/internal/plan"
)

// floor does the operator's work without a controller: for each mapping, a plain loop makes the same two writes and sends
// the same request. It watches nothing, retries nothing and decides nothing.
type floor struct {
	api      client.Client
	http     *http.Client
	endpoint string
	// attempts and statuses are the methods of the writes before and after a request.
	attempts, statuses method
}

// runFloor runs the floor as a separate process, so that its cost can be measured. After its work, the process waits
// until its standard input is closed.
func runFloor(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("floor", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "")
	endpoint := flags.String("endpoint", "", "")
	workers := flags.Int("workers", 16, "")
	methods := flags.String("writes", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	f, err := newFloor(*kubeconfig, *endpoint, *workers)
	if err != nil {
		return err
	}
	if f.attempts, f.statuses, err = parseMethods(*methods); err != nil {
		return err
	}
	var list v1alpha1.AgentGroupMappingList
	if err := f.api.List(ctx, &list); err != nil {
		return fmt.Errorf("list the mappings: %w", err)
	}
	if err := f.syncAll(ctx, list.Items, *workers); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func newFloor(kubeconfig, endpoint string, workers int) (*floor, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	config.QPS = -1
	config.UserAgent = "deepcall-operator" // the field manager
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("build the scheme: %w", err)
	}
	api, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("create a client: %w", err)
	}
	transport := &http.Transport{MaxIdleConns: workers, MaxIdleConnsPerHost: workers, DisableCompression: true}
	return &floor{api: api, http: &http.Client{Transport: transport, Timeout: 8 * time.Second}, endpoint: endpoint}, nil
}

func (f *floor) syncAll(ctx context.Context, mappings []v1alpha1.AgentGroupMapping, workers int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for i := range mappings {
		group.Go(func() error {
			if err := f.sync(ctx, &mappings[i]); err != nil {
				return fmt.Errorf("%s: %w", mappings[i].Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (f *floor) sync(ctx context.Context, mapping *v1alpha1.AgentGroupMapping) error {
	mapping.ManagedFields = nil // the operator drops them, too
	if err := f.recordAttempt(ctx, mapping); err != nil {
		return fmt.Errorf("record the attempt: %w", err)
	}
	message, err := f.send(ctx, mapping)
	if err != nil {
		return fmt.Errorf("send the request: %w", err)
	}
	if err := f.updateStatus(ctx, mapping, message); err != nil {
		return fmt.Errorf("update the status: %w", err)
	}
	return nil
}

// recordAttempt does the write before a request.
func (f *floor) recordAttempt(ctx context.Context, mapping *v1alpha1.AgentGroupMapping) error {
	var groups []string
	for _, group := range mapping.Spec.Groups {
		groups = append(groups, group.GroupID)
	}
	before := mapping.DeepCopy()
	mapping.Finalizers = append(mapping.Finalizers, v1alpha1.StopCallsFinalizer)
	mapping.Annotations = map[string]string{v1alpha1.AttemptedGroupsAnnotation: plan.Record(mapping, groups)}
	return f.attempts.write(ctx, f.api, mapping, before)
}

// send sends the request and returns DeepCall's message.
func (f *floor) send(ctx context.Context, mapping *v1alpha1.AgentGroupMapping) (string, error) {
	type group struct {
		ReceiveCall string `json:"receive_call"`
	}
	request := struct {
		UserID  string           `json:"userId"`
		Token   string           `json:"token"`
		AgentID string           `json:"agentId"`
		Group   map[string]group `json:"group"`
	}{userID, initialToken, mapping.Spec.AgentID, map[string]group{}}
	for _, g := range mapping.Spec.Groups {
		request.Group[g.GroupID] = group{"N"}
		if g.ReceiveCall {
			request.Group[g.GroupID] = group{"Y"}
		}
	}
	body, err := json.Marshal(request)
	if err != nil {
		return "", err
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, f.endpoint+deepcalltest.Path, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	post.Header.Set("Content-Type", "application/json")
	response, err := f.http.Do(post)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer struct {
		Code    int
		Message string
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return "", err
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return "", err
	}
	if answer.Code != http.StatusOK {
		return "", fmt.Errorf("DeepCall returned code %d", answer.Code)
	}
	return answer.Message, nil
}

// userHashLength is the length of Credentials.UserHash.
const userHashLength = 25

// updateStatus does the write after a request.
func (f *floor) updateStatus(ctx context.Context, mapping *v1alpha1.AgentGroupMapping, message string) error {
	mapping.ManagedFields = nil
	before := mapping.DeepCopy()
	now, receiving := time.Now(), 0
	for _, group := range mapping.Spec.Groups {
		if group.ReceiveCall {
			receiving++
		}
	}
	status := &mapping.Status
	status.ObservedGeneration, status.ObservedUID = mapping.Generation, string(mapping.UID)
	status.AppliedGroups = mapping.Spec.Groups
	status.AppliedEndpoint, status.AppliedUserHash = f.endpoint, strings.Repeat("0", userHashLength)
	status.AnsweredAttempt = 1
	status.Receiving = fmt.Sprintf("%d/%d", receiving, len(mapping.Spec.Groups))
	status.LastSyncTime = &metav1.MicroTime{Time: now}
	status.LastResponse = &v1alpha1.LastResponse{Code: http.StatusOK, Message: message, Time: metav1.NewTime(now)}
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSynced,
		Message: "DeepCall confirmed the declared groups", ObservedGeneration: mapping.Generation,
		LastTransitionTime: metav1.NewTime(now),
	})
	return f.statuses.writeStatus(ctx, f.api, mapping, before)
}
