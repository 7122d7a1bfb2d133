// Command prometheus scrapes the targets of a configuration file and answers queries, with the scraper, the database and the query
// engine of Prometheus. It lacks what hack/dashboard does not need, such as rules, the web UI and service discovery, because their
// modules are not among those of promtool.
//
//	prometheus CONFIG DIRECTORY ADDRESS
//
// The configuration has static targets only. The directory is that of the database. ADDRESS serves /api/v1/query and
// /api/v1/query_range, whose times are seconds since 1970 and whose step is in seconds.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: prometheus CONFIG DIRECTORY ADDRESS")
		os.Exit(2)
	}
	err := run(ctx, os.Args[1], os.Args[2], os.Args[3])
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "prometheus: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, file, directory, address string) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	configuration, err := config.LoadFile(file, false, logger)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	db, err := tsdb.Open(directory, logger, nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	scraper, err := startScraper(configuration, db, logger)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	engine := promql.NewEngine(promql.EngineOpts{
		Logger: logger, MaxSamples: 50_000_000, Timeout: time.Minute, EnableAtModifier: true, EnableNegativeOffset: true,
	})
	server := &http.Server{Addr: address, Handler: handler(engine, db), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	err = server.ListenAndServe()
	scraper.Stop()
	if ctx.Err() != nil {
		err = nil
	}
	return errors.Join(err, db.Close())
}

// startScraper scrapes the static targets of the configuration.
func startScraper(configuration *config.Config, db *tsdb.DB, logger *slog.Logger) (*scrape.Manager, error) {
	scraper, err := scrape.NewManager(&scrape.Options{}, logger, nil, nil, db, client.NewRegistry())
	if err != nil {
		return nil, err
	}
	if err := scraper.ApplyConfig(configuration); err != nil {
		return nil, fmt.Errorf("apply the configuration: %w", err)
	}
	targets := map[string][]*targetgroup.Group{}
	for _, job := range configuration.ScrapeConfigs {
		for _, found := range job.ServiceDiscoveryConfigs {
			static, ok := found.(discovery.StaticConfig)
			if !ok {
				return nil, fmt.Errorf("the targets of the job %s are not static", job.JobName)
			}
			targets[job.JobName] = append(targets[job.JobName], static...)
		}
	}
	sets := make(chan map[string][]*targetgroup.Group, 1)
	sets <- targets
	go func() { _ = scraper.Run(sets) }()
	return scraper, nil
}

// handler serves the parts of Prometheus' HTTP API that query.
func handler(engine *promql.Engine, db *tsdb.DB) http.Handler {
	mux := http.NewServeMux()
	serve := func(path string, newQuery func(*http.Request) (promql.Query, error)) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			query, err := newQuery(r)
			if err != nil {
				respond(w, nil, err)
				return
			}
			defer query.Close()
			result := query.Exec(r.Context())
			respond(w, result, result.Err)
		})
	}
	serve("/api/v1/query", func(r *http.Request) (promql.Query, error) {
		at, err := seconds(r, "time")
		if err != nil {
			return nil, err
		}
		return engine.NewInstantQuery(r.Context(), db, nil, r.FormValue("query"), time.UnixMilli(int64(1000*at)))
	})
	serve("/api/v1/query_range", func(r *http.Request) (promql.Query, error) {
		start, errStart := seconds(r, "start")
		end, errEnd := seconds(r, "end")
		step, errStep := seconds(r, "step")
		if err := errors.Join(errStart, errEnd, errStep); err != nil {
			return nil, err
		}
		return engine.NewRangeQuery(r.Context(), db, nil, r.FormValue("query"),
			time.UnixMilli(int64(1000*start)), time.UnixMilli(int64(1000*end)), time.Duration(step*float64(time.Second)))
	})
	return mux
}

func seconds(r *http.Request, name string) (float64, error) {
	value, err := strconv.ParseFloat(r.FormValue(name), 64)
	if err != nil {
		return 0, fmt.Errorf("%s is not a number of seconds: %w", name, err)
	}
	return value, nil
}

func respond(w http.ResponseWriter, result *promql.Result, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_ = json.NewEncoder(w).Encode(map[string]string{"status": "error", "error": err.Error()})
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"status": "success", "data": map[string]any{"resultType": result.Value.Type(), "result": result.Value},
	})
}
