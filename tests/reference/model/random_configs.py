"""The random small glm4v models of the parity tests: what a config.json may vary."""

IMAGE_TOKENS = {
    "image_token_id": 8, "image_start_token_id": 6, "image_end_token_id": 7,
    "video_token_id": 9, "video_start_token_id": 10, "video_end_token_id": 11,
}


def config(text: dict, vision: dict, root: dict | None = None) -> dict:
    base_text = {
        "model_type": "glm4v_text", "vocab_size": 256, "hidden_size": 64, "intermediate_size": 96,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "hidden_act": "silu", "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
        "pad_token_id": 0, "eos_token_id": [1],
    }
    base_vision = {
        "model_type": "glm4v_vision", "depth": 2, "hidden_size": 32, "num_heads": 2,
        "intermediate_size": 72, "hidden_act": "silu", "image_size": 56, "patch_size": 14,
        "spatial_merge_size": 2, "temporal_patch_size": 2, "in_channels": 3, "rms_norm_eps": 1e-5,
    }
    text = {**base_text, **text}
    vision = {**base_vision, "out_hidden_size": text["hidden_size"], **vision}
    return {
        "architectures": ["Glm4vForConditionalGeneration"], "model_type": "glm4v",
        **IMAGE_TOKENS, **(root or {}), "text_config": text, "vision_config": vision,
    }


# name -> config, dtype of the stored tensors, shards, whether names lack "model.", and the pages
# (width, height) of each case; sizes are odd so that every page is resampled.
MODELS = {
    "one_kv_head": dict(
        config=config(
            {"num_key_value_heads": 1, "rope_parameters": {
                "rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}},
            {}),
        dtype="F32", shards=1, cases=[[], [(61, 90)]]),
    "tied_sharded_old_dialect": dict(
        config=config(
            {"vocab_size": 300, "hidden_size": 96, "num_attention_heads": 6,
             "num_hidden_layers": 3, "intermediate_size": 130, "rope_theta": 500.0,
             "partial_rotary_factor": 0.5,
             "rope_scaling": {"type": "default", "mrope_section": [1, 1, 2]}},
            {"hidden_size": 48, "num_heads": 3, "image_size": 70},
            {"tie_word_embeddings": True}),
        dtype="BF16", shards=3, cases=[[(100, 57)], [(64, 64), (123, 40)]]),
    "all_kv_heads_vision_bias": dict(
        config=config(
            {"vocab_size": 257, "hidden_size": 80, "num_key_value_heads": None,
             "rope_parameters": {"rope_type": "default", "rope_theta": 100.0,
                                 "partial_rotary_factor": 0.5, "mrope_section": [1, 2, 2]}},
            {"hidden_size": 60, "num_heads": 3, "attention_bias": True, "image_size": 336,
             "depth": 3}),
        dtype="F16", shards=2, cases=[[(30, 170)], [(85, 85), (33, 61), (140, 29)]]),
    "deep_six_sections_odd_patches": dict(
        config=config(
            {"num_hidden_layers": 6, "rms_norm_eps": 1e-6, "rope_theta": 1e6,
             "rope_scaling": {"rope_type": "default", "mrope_section": [1, 1, 1, 2, 1, 2]}},
            {"patch_size": 10, "spatial_merge_size": 3, "temporal_patch_size": 1,
             "image_size": 95, "depth": 4, "rms_norm_eps": 1e-6}),
        dtype="F32", shards=1, cases=[[(95, 60)], [(31, 32), (150, 64)]]),
    "base_model_names": dict(
        config=config(
            {"vocab_size": 271, "hidden_size": 72, "num_attention_heads": 9,
             "num_key_value_heads": 3, "tie_word_embeddings": True,
             "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0,
                                 "mrope_section": [0, 2, 2]}},
            {"hidden_size": 40, "num_heads": 5, "image_size": 14,
             "rope_parameters": {"rope_type": "axial", "rope_theta": 300.0}}),
        dtype="BF16", shards=1, base_names=True, cases=[[(57, 200)], [(40, 41), (77, 29)]]),
    "wide_four_pages": dict(
        config=config(
            {"vocab_size": 320, "hidden_size": 128, "num_attention_heads": 8, "head_dim": 16,
             "num_hidden_layers": 4, "intermediate_size": 201, "rope_theta": 50.0,
             "partial_rotary_factor": 0.75,
             "rope_parameters": {"rope_type": "default", "mrope_section": [2, 2, 2]}},
            {"hidden_size": 64, "num_heads": 4, "image_size": 112, "depth": 5,
             "intermediate_size": 50}),
        dtype="BF16", shards=4, cases=[[(56, 56)], [(29, 29), (200, 30), (63, 120), (90, 47)]]),
}
