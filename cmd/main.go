// Command manager runs the DeepCall operator.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/deepcall/deepcall-operator/api/v1alpha1"
	"github.com/deepcall/deepcall-operator/internal/controller"
	opmetrics "github.com/deepcall/deepcall-operator/internal/metrics"
)

func main() {
	if err := run(); err != nil {
		ctrl.Log.Error(err, "the manager ended")
		os.Exit(1)
	}
}

// saveMemory has the garbage collector run twice as often as by default, unless GOGC says otherwise.
// Nearly all that the manager holds is the cache of mappings, which lives on; it costs a few hundredths of the CPU.
// See docs/performance.md.
func saveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

func run() error {
	var f flags
	f.bind(flag.CommandLine)
	logging := zap.Options{}
	logging.BindFlags(flag.CommandLine)
	flag.Parse()
	built := thisBuild()
	if f.version {
		_, err := fmt.Fprintln(os.Stdout, built)
		return err
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&logging)))
	saveMemory()

	if err := defaultTimes.check(); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return fmt.Errorf("add Kubernetes' kinds: %w", err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return fmt.Errorf("add DeepCall's kinds: %w", err)
	}
	managerOptions, err := f.managerOptions(scheme, defaultTimes)
	if err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the cluster: %w", err)
	}
	config.QPS = -1 // the workers bound the load, and the API server's own fairness does the rest
	config.UserAgent = "deepcall-operator"
	mgr, err := ctrl.NewManager(config, managerOptions)
	if err != nil {
		return fmt.Errorf("make the manager: %w", err)
	}
	if err := mgr.AddHealthzCheck("healthz", healthz.Ping); err != nil {
		return fmt.Errorf("add the health check: %w", err)
	}
	if err := metrics.Registry.Register(opmetrics.BuildInfo(built.version, built.revision, built.goVersion)); err != nil {
		return fmt.Errorf("register the build's metric: %w", err)
	}
	ctx := ctrl.SetupSignalHandler()
	tracing, stopTracing, err := startTracing(ctx, built)
	if err != nil {
		return err
	}
	defer stopTracing()
	options, err := f.controllerOptions()
	if err != nil {
		return err
	}
	options.Metrics, options.Tracing = metrics.Registry, tracing
	if err := controller.Setup(ctx, mgr, options); err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("caches", cachesSynced(mgr.GetCache())); err != nil {
		return fmt.Errorf("add the readiness check: %w", err)
	}
	ctrl.Log.Info("starting", "version", built.version, "revision", built.revision, "go", built.goVersion)
	return mgr.Start(ctx)
}
