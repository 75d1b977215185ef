"""The Ray Serve application: thin deployments around `emo_hallo_ray`. Only `app` binds them together."""
