# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words that a gateway's log has whoever uses it: data only.

WORDS is made by tests/hermes/log_words.py from the sources of Hermes 0.16 to 0.22: the words of
what it logs and raises, without the values, and the names of its modules; and of what the libraries
raise that it talks with. OTHERS are written by hand.
"""

from __future__ import annotations

OTHERS = frozenset(
    """
True False None true false null yes no on off a an the and or of to in at by for from with is are
was were be been has have had not nor but if it its as that this these those than then there when
while after before until since because so only also all any each more most less least other same
such own too very can could will would may might must should do does did done go goes i e g
etc ok OK URL HTTP HTTPS SSL TLS TCP UDP DNS IP API SSE JSON YAML CSV UTC GET POST PUT PATCH
DELETE HEAD OPTIONS PID pid ppid uid gid rss vms uss pss swap anon cgroup peak heap cpu mem memory
bytes loadavg cmdline
characters chars tokens KB MB GB TB kB KiB MiB GiB ms sec secs seconds minutes hours days
Errno errno WinError KeyboardInterrupt StopIteration
INFO DEBUG WARNING ERROR CRITICAL Traceback File line SIGTERM SIGKILL SIGINT SIGHUP SIGUSR1 SIGUSR2
SIGCHLD SIGSTOP SIGCONT SIGSEGV SIGABRT SIGPIPE
asyncio threading logging selectors subprocess socket ssl sqlite3 json pathlib concurrent futures
aiohttp httpx httpcore openai anthropic urllib3 requests websockets uvicorn starlette nio mautrix
telegram discord slack slack_bolt slack_sdk py root main
localhost ipv4 ipv6 default dm
bin boot dev etc home lib lib64 local mnt opt proc root run sbin srv sys tmp usr var
app apps cache caches conf config data db dist docs env hermes hermes_cli jemalloc libjemalloc lock
log logs node packages plugins profiles py pyc python scripts service services sessions site share
skills slice so sock src state system systemd timer tools user venv venvs wal yaml yml txt toml
pdf doc docx xls xlsx ppt pptx odt rtf jpg jpeg png gif webp heic mp3 mp4 ogg oga opus wav m4a mov
webm zip html xml md csv ini
claude sonnet opus haiku gpt mini nano turbo gemini gemma flash pro lite ultra llama mistral mixtral
codestral qwen deepseek kimi glm grok minimax phi granite nemotron coder instruct reasoner thinking
preview latest codex nous openrouter groq cerebras xai moonshot zai ollama vllm lmstudio bedrock
vertex azure copilot nvidia huggingface together fireworks novita
""".split()
)

WORDS = frozenset(
    """
A A2A A2A_ALLOW_ALL_USERS A2A_BEARER_TOKEN A2A_HOST A2A_PEER_TOKENS A2A_TRUSTED_PEERS AAC ACK ACL
ADC ADDED_TO_SPACE AES AI ALL ALLOW_ALL_ENV_PREFIX AMBIGUOUS AND API APIResponse API_SERVER_KEY
ASCII ASR ATOF AUTH AUTHORIZATION AUTH_BIND AZURE_OPENAI_AD_TOKEN AZURE_OPENAI_API_KEY
AZURE_OPENAI_ENDPOINT Abandoned Aborted AbstractAccessLogger AbstractMatchInfo Accept Access
Accessing Account Acquired Active Adapter Add Added Address Admin Advertise After Agent Agents All
Allowed Already Ambient An Analyzing Another Any AnyIO App AppID Application Approval Apps Argument
Async AsyncClient AsyncIterable Asynchronous At Attaching Attempted Attempting Attribute Audio
AudioBridge Audit Auth AuthBindRsp Authenticated Authentication Authorization Auto Available Azure B
BINARY BIND_ACK BIP BLOCK BLOCKED BLUEBUBBLES_PASSWORD BLUEBUBBLES_SERVER_URL BROWSERBASE_API_KEY
BROWSERBASE_PROJECT_ID BROWSERBASE_SESSION_TIMEOUT BROWSER_USE_API_KEY Backend Backfilling
Background Backup Bad Baileys BaseModel BasicAuth BasicAuthProvider BlackHole Blank Block Blocked
BlueBubbles Body Bot BotFather Both Branch Brave Bridge Broadcasting Broken Brotli BrotliDecoder
Browser Browserbase Building Bundle Bundles Busy Button Buzz ByteRover BytesIO C C2C CDN
CERT_OPTIONAL CERT_REQUIRED CIDRs CLI CLIENT CLOSE COMMAND_REGISTRY COS CRLF CSI CSRF Cached Call
Called Calling Can CancelScope Cancelled Cancelling Cannot CapacityLimiter Caption Card
ChainMapProxy Channel Chat Chats Check Child Choice Chronos Chunked ChunkedUploader Clarify Classes
Clean Cleanup Cleared Clearing Client ClientTimeout Close Closed Cloud Coalesced Coalescing Codex
Cold Command Comment Commentary Comments Committed Communication Completion Completions Compress
Compressed Compression Concurrent Config Configure Configured Connect Connected Connecting
Connection Connector Consider Container Content Context Continuation Continuing Control Cookie
CookieJar Corrupted Could Crash Created Creating Credential Credentials Cron Ctrl Curator Current
Currently DAVE DB DDGS DECLINED DEFAULT_MAX_RETRIES DEGRADED DINGTALK_CLIENT_ID
DINGTALK_CLIENT_SECRET DISABLED DISCORD_ALLOWED_CHANNELS DISCORD_ALLOWED_ROLES DISCORD_ALLOWED_USERS
DISCORD_ALLOW_ALL_USERS DISCORD_COMMAND_SYNC_POLICY DISCORD_HIDE_SLASH_COMMANDS DM DMs DNS DONE
DROPPED Daily Data Debounce Decompressed Dedup DeepInfra Default Defensive Deferred Deferring Delete
Deleted Delivering Delivery Demoting Destination Detached Detail Device Did Didn Digest DingTalk
Direct Directory Disable Disarmed Discarded Discarding Disconnected Discord Discovered Discovering
Discussion Disk Do DoH Docker Document DocumentHandler Does Domain Download Draft Drain
DrainSecretProvider Drained Drive Dropped Dropping Dual DuckDuckGo Dumping Duplicate Dynamic E E2BIG
E2EE EACCES EADDRINUSE EADDRNOTAVAIL EADV EAFNOSUPPORT EAGAIN EALREADY EBADE EBADF EBADFD EBADMSG
EBADR EBADRQC EBADSLT EBFONT EBUSY ECANCELED ECHILD ECHRNG ECOMM ECONNABORTED ECONNREFUSED
ECONNRESET EDEADLOCK EDESTADDRREQ EDOM EDOTDOT EDQUOT EEXIST EFAULT EFBIG EFFORT_LADDER EHOSTDOWN
EHOSTUNREACH EIDRM EILSEQ EINPROGRESS EINTR EINVAL EIO EISCONN EISDIR EISNAM EKEYEXPIRED
EKEYREJECTED EKEYREVOKED EL2HLT EL2NSYNC EL3HLT EL3RST ELIBACC ELIBBAD ELIBEXEC ELIBMAX ELIBSCN
ELNRNG ELOOP EMAIL_ADDRESS EMAIL_ALLOWED_USERS EMAIL_IMAP_HOST EMAIL_PASSWORD EMAIL_SMTP_HOST
EMAIL_TRUST_FROM_HEADER EMEDIUMTYPE EMFILE EMLINK EMSGSIZE EMULTIHOP ENABLED ENAMETOOLONG ENAVAIL
END ENETDOWN ENETRESET ENETUNREACH ENFILE ENGAGED ENOANO ENOBUFS ENOCSI ENODATA ENODEV ENOENT
ENOEXEC ENOKEY ENOLCK ENOLINK ENOMEDIUM ENOMEM ENOMSG ENONET ENOPKG ENOPROTOOPT ENOSPC ENOSR ENOSTR
ENOSYS ENOTBLK ENOTCONN ENOTDIR ENOTEMPTY ENOTNAM ENOTRECOVERABLE ENOTSOCK ENOTSUP ENOTTY ENOTUNIQ
ENXIO EOF EOVERFLOW EOWNERDEAD EPERM EPFNOSUPPORT EPIPE EPROTO EPROTONOSUPPORT EPROTOTYPE ERANGE
EREMCHG EREMOTE EREMOTEIO ERESTART ERFKILL EROFS ERROR ESHUTDOWN ESOCKTNOSUPPORT ESPIPE ESRCH ESRMNT
ESTALE ESTRPIPE ETIME ETIMEDOUT ETOOMANYREFS ETXTBSY ETag EUCLEAN EUNATCH EUSERS EXA_API_KEY EXDEV
EXFULL Each Eager Early Edit Edited Either Element Email Emergency Empty Enable Encoding Encountered
Encrypted Enhance Enqueued Enqueuing Enterprise Envelope Environment Ephemeral Error Event Evicting
Exa Exact Exceeded Exception Exchange Exec Executing ExitTimeOut Exiting Expected Extension External
Extracted FAIL FAILED FAL FAL_KEY FEISHU_APP_ID FEISHU_APP_SECRET FEISHU_BOT_NAME FEISHU_BOT_OPEN_ID
FEISHU_CONNECTION_MODE FEISHU_ENCRYPT_KEY FEISHU_VERIFICATION_TOKEN FFFC FFmpeg FIFO
FIRECRAWL_API_KEY FTS Failed Fallback Falling False Fatal Feedback Feishu Fetched Fetching File
FileContent FileUrlHandler Filter Final Fingerprint Fingerprints Firecrawl Flood Flushed Flushing
Fly Fold Follow For Forbidden Forum Forwarded Found Frame Framework Free Fresh From Full Function
GATEWAY_ALLOW_ALL_USERS GATEWAY_MULTIPLEX_PROFILES GATEWAY_ON_ALL_ADAPTERS_DOWN
GATEWAY_RELAY_ALLOW_DIRECT_PLATFORMS GATEWAY_RELAY_BOT_IDS GATEWAY_RELAY_SECRET GATEWAY_RELAY_URL GC
GET GHSA GOOGLE_APPLICATION_CREDENTIALS GOOGLE_CHAT_HTTP_EVENTS_URL GOOGLE_CHAT_PROJECT_ID
GOOGLE_CHAT_SERVICE_ACCOUNT_JSON GOOGLE_CHAT_SUBSCRIPTION GOOGLE_CHAT_SUBSCRIPTION_NAME
GOOGLE_CLOUD_PROJECT Gateway General Generate Generation Get GitHub Give Giving Google GoogleChat
Got Grant Graph GraphSubscription Grid Grit Group Guild Gunicorn Gyan HA HARD HASS_TOKEN
HEARTBEAT_ACK HERMES_DASHBOARD_BASIC_AUTH_SECRET HERMES_DASHBOARD_BASIC_AUTH_USERNAME
HERMES_DASHBOARD_DRAIN_SECRET HERMES_DASHBOARD_OAUTH_CLIENT_ID HERMES_DASHBOARD_OIDC_CLIENT_ID
HERMES_DASHBOARD_OIDC_ISSUER HERMES_GATEWAY_PLATFORM_CONNECT_TIMEOUT HERMES_HOME
HERMES_KANBAN_DISPATCH_IN_GATEWAY HERMES_LANGFUSE_PUBLIC_KEY HERMES_LANGFUSE_SAMPLE_RATE
HERMES_LANGFUSE_SECRET_KEY HERMES_MAX_ITERATIONS HERMES_REDACT_SECRETS
HERMES_TELEGRAM_HTTP_CONNECT_TIMEOUT HERMES_TELEGRAM_INIT_TIMEOUT HMAC HONCHO_API_KEY
HONCHO_BASE_URL HRR HTML HTTP HTTPResponse HTTPS HTTPXRequest Handler Handoff Hash Header Healing
Heartbeat Held Hello Hermes Hid Hindsight HindsightEmbedded Holding Holographic Home HomeAssistant
Honcho Host Hot Housekeeping Hub I ID IDNA IDP IDs IMAP INSECURE_NO_AUTH INTERACTION_CREATE IOBase
IP IPs IPv4 IPv6 IRC Id IdP Identifier Identify Idle If Ignoring Illegal Image ImageFileHandler
ImageUrlHandler In Inactivity Inappropriate Inbound InboundPipeline Incorrect Inheritance Initial
Initializing Inline Input InputMediaPhoto Insights Install Installing Instead Interaction
Intermediate Interrupt Interrupted Invalid Invalidated Is It Iteration JSON JSONL JSONs JWKS Job KB
KEY Kanban Keenable Keeping Key Keyword Kicked Killed Kit Krea LINE LINEAR_API_KEY LLM LRU Langfuse
Lark Last Late Launched Layer Lazy Legacy Length Level Lifecycle Linear Link Linux List Listening
Liveness Loaded Local Location Lock Long Loop M4A MATRIX_ACCESS_TOKEN MATRIX_ALLOWED_ROOMS
MATRIX_ALLOW_PUBLIC_ROOMS MATRIX_DEVICE_ID MATRIX_E2EE_MODE MATRIX_ENCRYPTION MATRIX_HOMESERVER
MATRIX_IGNORE_USER_PATTERNS MATRIX_PASSWORD MATRIX_RECOVERY_KEY MATRIX_RECOVERY_KEY_OUTPUT_FILE
MATRIX_REQUIRE_MENTION MATRIX_USER_ID MATTERMOST_TOKEN MATTERMOST_URL MB MCP MEDIA MEMORY MM MP3
MSGraph MULTIPLEX MXC Machine Make Malformed Managed Manual Markdown MarkdownV2 Marked Marking
Matrix Mattermost Max Maybe Media MeetingArtifact MeetingInvite Mem0 Memory Merged Message Messaging
Meta Method MiB Microsoft Migrated Mini Mirror Misfire Missed Missing Mixer Mode Model Most Move
MsgId Multi Multihop Multipart Multiple Must My NAS NEEDS_ATTENTION NIP NOT NOTION_API_KEY NOW
NO_PROXY NO_REPLY NTFY_TOKEN NTFY_TOPIC NTP NaCl NaN Name Named Native NeMo Need Negative Network
New No Node NodeClient NodeServer Non None Normal Not Notion Nous NousResearch Now Numerical O OAuth
OAuth2 OF OIDC OK OOM OPENAI_API_KEY OPENAI_API_VERSION OPENAI_WEBHOOK_SECRET OPTIONS OTLP Object
Observed Ogg Old Olm Only Open OpenAI OpenRouter OpenSSL OpenViking Opening Operation Opus Org
Origin Original Orphan Other Out Overflow OwnAccessPolicyMixin Owner P2P PARALLEL_API_KEY PATH PCM
PERSON PHOTON_NODE_BIN PHOTON_SIDECAR_PORT PID PING PKCS PKCS7 PONG POST POSTs PRIORITY PTB PUT
Package PageInfo Pagination Pair Pairing Parallel Part Passing Passive Paste Path PathLike Pausing
Payload Peer Peers Pending Periodic Permission Permissions Perplexity Persisted Photon Pick Picker
Pillow Pinned Pipes Plain Planned Platform Playing Please Plugin Poll Polling Pool Port Portal
Possible Post Posted Potential Pre Prefetch Prefill Prefix Prepared Preserved Preserving Press
Pressure Previous Primary Prior Process Processing Profile Progress Prompt Protection Protocol
ProtocolError Provide Provider Proxies Proxy Proxying Pruned Pub PulseAudio Push PushAck Pydantic
Python QQ QQBOT_HOME_CHANNEL QQBot QQCloseError QQ_APP_ID QQ_CLIENT_SECRET QQ_HOME_CHANNEL
QQ_STT_API_KEY QR Quality QueryParams Queue Queued Queuing Quick RAFT_PROFILE RAW RCA RECOVERY
REINSTALL RELEASED REMOVED_FROM_SPACE RF RFC RFS RPC RSS RTP Raft Rate Raw Re Reached Reaction Read
Reader Reading Ready Realtime RealtimeSession Reaped Reason Rebuilt Recall Receive Received
Reclaimed Recognized Reconciled Reconnect Reconnected Reconnecting Reconnection Recording Recover
Recovered Recovery Redelivered Redispatch Redispatching Refreshed Refusing Regenerating Registered
Registration Rehydrated Reject Rejected Rejecting Relative Relay RelayAdapter Released Reloaded
Remote Remove Removing Rename Renamed Repair Replaced Replacing Replay Replayed Reply Request
RequestMethods Requested Required Rescued Resolver Resource Response Responses Restart Restored
Results Resume Resumed RetainDB Retries Retrieval Retry Retrying Reusing Robot RoomLink Route
Routing Rules Run RunVar Runner Running Runtime SA SAVE SDK SECRET SERVER SHA SHA256 SIGKILL
SIGKILLs SIGNAL_ACCOUNT SIGNAL_GROUP_ALLOWED_USERS SIGNAL_HTTP_URL SIGTERM SIGUSR1 SILK
SIMPLEX_ALLOWED_USERS SIMPLEX_GROUP_ALLOWED SIMPLEX_WS_URL SKIP_HEADER SLACK_ALLOWED_USERS
SLACK_APP_TOKEN SLACK_BOT_TOKEN SLACK_DEDUP_TTL_SECONDS SMS SMS_INSECURE_NO_SIGNATURE SMTP SNR SOCKS
SO_REUSEADDR SPEAKING SQLite SSE SSL SSLContext SSL_CERT_FILE SSRC SSRF START STOP STT Safely Saving
Scheduled Scheduling Scheme SearXNG Search Sec Secondary Secret Security See SeedVR SeedVR2 Seeded
Segment Self Send Sending Sent Separator Served Server Service Session SessionDB SessionSource
SessionStore Sessions Set Setting Settings Short Shutdown Shutting Sibling Sign Signal Signature
Silence SimpleX Site Skill Skills Skip Skipped Skipping Slack Slash Slow Socket Software Spawned
Speaking Spectrum Split Spooled Spotify Srmount Stale Start Starting Startup State Status Staying
Steer Step Sticker Sticky Still Stopping Store Stream Streams StringIO Stripping Strongly Structure
Stuck Sub Subclasses Subscription Successfully Supermemory Supervised Supported Suppressed
Suppressing Svix Sync Synced Synthetic System SystemRoute TAVILY_API_KEY TCP TEAMS_ALLOWED_USERS
TEAMS_ALLOW_ALL_USERS TEAMS_CLIENT_ID TEAMS_GRAPH_ACCESS_TOKEN TEAMS_INCOMING_WEBHOOK_URL
TELEGRAM_ALLOWED_USERS TELEGRAM_GROUP_ALLOWED_CHATS TELEGRAM_GROUP_ALLOWED_USERS
TELEGRAM_WEBHOOK_SECRET TELEGRAM_WEBHOOK_URL TENANT_ID TERMINAL_DOCKER_VOLUMES TEXT THAT THIS
TIMEOUT TIME_WAIT TLS TLSv1 TRIPPED TTL TTS TWILIO_ACCOUNT_SID TWILIO_AUTH_TOKEN Takeover Task
TaskGroup Tavily Teams TeamsMeetingPipelineJob TeamsMeetingRef TeamsSummaryWriter Telegram
TestServer Text TextBatchAggregator The Then There They This Thread Threaded Threads Timed Timeout
TimeoutStopSec Timer Timestamp To Token Too Tool Topic Topics Transcribing Transcript Transcription
Transfer Transient Transport Treating Trimmed True Try Tunnel Tunneling Turn Twilio Type TypeError
Typing U UDP UI UID UIDs UNCLEANLY UNIX UNSERIALIZED URI URL URLs USER UTF Unable Unauthorized
Unclean Unexpected Unhandled Unknown Unmatched Unparseable Unrecognised Unrecognized Unrouted Unset
Unsupported Unusable Update Updated Updater Upgrade Upload UploadTracker Uploaded Upscaling Use User
Using V1 V2 VM Valid Validating Value Version Video Vision Voice VoiceReceiver WABA WAIT WAL WAV
WECOM_BOT_ID WEIXIN_GROUP_POLICY WHATSAPP_CLOUD_APP_SECRET WHATSAPP_CLOUD_VERIFY_TOKEN
WHATSAPP_ENABLED WITHOUT WS WSMsgType WSS Waiting Wake Watch Watchdog Watcher WeChat WeCom
WeComCallback WebSocket WebSocketRelayTransport Webhook Websocket WecomCallback Wedged Weixin
WhatsApp Whole Wiki Windows Wired Without Worker Wrong X XENIX You Yuanbao ZStandardDecoder
Zstandard a a2a abandon_open_draft abandoned abandoning abc abort aborted aborting about absent
absolute absorbing accept acceptable accepted accepting accepts access accessToken access_log_class
access_policy_mixin access_token accessed accessible accidental account accounts accuracy
achievements ack acknowledge acknowledged acknowledgement aclose acp acquire across action activate
activate_dynamic_plugins activated activation active active_at_start active_now active_queues
activity actor actual adapter adapter_auto_tts adapter_component_auth adapter_crypto adapter_media
adapter_slash_auth adapter_thread_titles adapter_voice_info adapters adc_failed adc_foreign
adc_no_auth add add_field add_peers add_reaction add_whole_comment added addedToSpace additional
address addressed admin admins admission admitted adopt adopted adoption advance advertise
advertises advisories advisory aes_key after again against age agent agent_cache_pressure
agent_context agent_instance_id agent_loop_stopped agent_notify agents aggregated ago ahead ai aio
aiodns aiohttp aiohttp_socks aiosqlite aiter_stream algorithm algorithms alias alibaba alive all
allocate allow allow_admin_from allow_all_users allow_bots allow_redirects allowed
allowed_source_cidrs allowing allowlist allowlisted allowlists allows almost alone alongside already
also alt although ambient ambiguous amputated an analysis analyzing anchor ancillary and animation
annotation anode anomaly anon another answer answered anthropic anti any anyio anyio_backend anyone
anyway api api_at_start api_calls api_error api_key api_now api_server api_server_fire_startup
api_server_memory_sessions api_server_openai_routes api_server_request_options
api_server_room_dispatch api_server_room_grants api_server_run_idempotency api_server_runs
api_server_turn_boundary api_url api_version app app_key app_secret appear appears append appended
appending application applied applies apply apply_media_policy_env apply_yaml_config_fn appropriate
approval approval_id approval_mode approvals approve approved approves apps arcee archive archived
are aread aren arg args argument arguments arm armed around array array_format arrival arrive
arrived artifact artifact_id artifact_type as as_bytes as_completed asked asking asr_refer_text
assessor assign assistant assistant_id assistant_len assistant_preview assuming async
asynccontextmanager asynchronous asyncio asyncpg at at_hour atexit att attach attached attachment
attachments attack attacks attempt attempted attempting attempts attention attribute audio
audio_bridge audio_data audit auth auth_required authenticate authenticated authentication author
authored authoritative authority authority_epoch authority_gateway_id authorization
authorization_endpoint authorize authorized authz_mixin auto auto_accept auto_blocked auto_extract
auto_recall auto_retain autocomplete automated automatic automatically autostart aux auxiliary
available avoid avoided await awaitable awaiting awake aware away azure azure_ad_token
azure_ad_token_provider azure_endpoint b back backend backends backfill background
background_process_notifications backing backoff backports backward bad bailed bank bank_id_template
bare base base64 base_exec_approval base_url based baseline bash basic basic_auth batch batch_id
batch_message_count batch_query batch_query_comment batched batching be bearer because become
becoming bed bedrock been before begin begin_chunk_receiving begin_http_chunk_receiving
begin_streaming_tts behavior behaviour behind being belong belongs below beside best between bg
binary bind binding binds bit bits blackhole blackholed blank block block_kit block_size blocked
blocking blocks bluebubbles blueprint board body body_keys body_len body_pos bolt bookkeeping bool
boolean boot boots bootstrap bootstrapped borrower borrowing bot botId bot_id bot_info
bot_loop_guard bot_name bot_ssrc bot_user_id botfather both bots bound boundary bounded bounding
bounds br branch branching brave_free break breakaway breaker brew bridge bridge_ownership bridged
briefly broadcast broadcasting broken broker brokered brotli brotlicffi browser
browser_control_artifacts browser_control_broker browser_use browserbase btw bubble bubbles bucket
budget buffer buffered bug bugs build built builtin_hooks bulk bundled busy busy_input_mode
busy_policy busy_text_mode but button button_data button_id buttons buzz by bypasses bypassing byte
byte0 byte1 byterover bytes c cache cache_audio_from_bytes cache_image_from_bytes cache_size cached
cached_session caching cadence calibrating call call_id call_record callable callback
callback_adapter callbacks called caller calling calls can can_edit cancel canceled cancellation
cancelled cancelling cancels candidate cannot canonical cap capabilities capability
capability_digest capable capacity capped caps caption card card_enabled cards carry cascade cast_to
catalog catalog_digest catch cause caused causes cd ce ceiling certainly certificate certificates
cgroup_cleanup chain chained challenge change change_type changed changes channel channel_directory
channel_id channels character characters chars charset chat chat_id chat_type chatid chats chattype
check check_credentials check_fn check_systemd_timing_alignment checking checkpoint checksum child
children chmod choice choice_index choose chown chronologically chronos chunk chunked chunked_upload
chunking chunks ci circuit circular claim claimable claimed claiming clamp clamped clamps clarify
clarify_id class clause clean clean_shutdown cleaning cleanly cleanup cleanup_all_browsers
cleanup_all_environments clear clear_resume_pending cleared clearing cli click clicked client
client_advanced client_credentials client_id client_max_window_bits client_secret client_state clip
clock clone close closed closing cloud cmd cmd_type cmds cmsg_level cmsg_type coalesce coalesced
code code_skew codec codex coding codings cold collection collections collision column com combine
combines comma command command_manifest commandcode commands comment comment_id comments commit
committed common communications compact compaction comparing compatibility compiled complete
complete_password_login complete_upload completed completing completion completion_id completions
complex component compress compress_settings compressed compressing compression compressor compute
computer computer_use concise conclusion concurrency concurrent confidential config config_env
config_loader config_model config_schema configuration configure configured confirm confirm_id
confirmation confirmed conflict conflicting conflicts conn_timeout connect connectId connectable
connected connecting connection connection_lost connections connectivity connector connects
consecutive consider consistency consistent constants construct consume consumed consumer
consumption contact contactIds contactRequest contacts contain contained container container_boot
container_id contains content content_delivered content_len content_transfer_encoding content_type
contention contentless context context_engine context_token contextmanager contiguous continuable
continuation continue continues continuing continuity continuously contract control control_socket
controller conversation conversation_history conversation_id conversational conversations conversion
convert converted converting cookie cooldown cooling coordinate coordination copilot copy core
coroutine corp correct correctly corrupt corrupted corruption could count cpython crashed create
create_bind_task create_handoff_thread create_room created creates creating creation credential
credentials credited creds critical cron cron_at_start cron_continuable_surface cron_drain_timeout
cron_job cron_now cron_providers cron_store_notices cross crypto crypto_store cryptography cua
curator current current_idx currently cursor cursors custom cwd_placeholder cycle d daemon dangerous
dash dashboard dashboard_auth data data_keys data_len database database_id date datetime dave
dave_unmapped_dropped days db ddgs dead dead_targets deadline deadlock deaf death debounce
debouncing debug decision declaration declared decline declined declining decode decode_content
decode_forward_msg_data decode_inbound_push decode_to_pcm decoded decoder decoding decompose
decompose_task decompression decorator decrypt decrypt_failed decrypted decryption decryptor
deducted dedup dedupe dedupe_key deduplication deep deepinfra deepseek default default_assignee
default_headers default_permissions default_query defaulting defense defer deferral deferred
deferred_at_start deferred_now deferring deficit define defined definitively deflate defusedxml
degrade degraded delay delayed delegation delete deleteWebhook delete_message
delete_telegram_topic_binding deleted deliver deliver_comment_reply deliver_only deliver_wake
delivered deliveries delivering delivers delivery delivery_ledger delivery_mode delta demote demoted
denied deny denying depend dependencies dependency depending deploy deployment deploys deprecated
deps depth deregister derived descendants description descriptor deselection designated desired
despite destination destructive destructive_slash_confirm detached detail details detected detection
determine determined deterministic dev device device_code device_id devices dial dialectic dialed
dialing dict dictionary did didn died different differs digest dim dimensions dingtalk dir direct
directive directly directory disable disabled disables disabling disagree disallowed disappeared
disarm disbanded discard discarded discarding disconnect disconnected disconnecting disconnects
discord discoverable discovered discovery discriminator discussions disk disk_cleanup disk_status
dispatch dispatch_event dispatch_in_gateway dispatch_interval_seconds dispatch_stale_timeout_seconds
dispatched dispatcher dispatches dispatching displaced display display_config display_name dispose
disposition distinct divert diverting dm_policy dm_topics doc docker docs doctor document
document_id documents does doesn domain don done dormant dot double down download downloadUri
download_media downloaded downloading downstream draft draft_id drafts drain drain_control
drain_notification_suppressed drain_request drain_timeout drained draining drive driven driver drop
drop_pending_on_cold_boot dropped dropping dtype due dump dumping duplicate durable duration
durationMs during dynamic dynamic_plugins e each echo edge edit editMessageText edit_message
editable edited editing editor effective effort egress either elapsed elapsed_ms elements else email
embedded embedding emergency emit emits emitted emoji empty en enable enabled enabled_toolsets
enablement enables enc encode encoded encoding encoding_aes_key encodings encountered encrypt
encrypt_query_param encrypted encrypted_data encryption end end_chunk_receiving end_reason
end_session ended ending endpoint ends engine enhance enough enqueue enqueued enrichment ensure
ensure_ascii ensured ensuring entered entering entirely entr entries entry entrypoint enumerate env
env_enablement_fn envelope environment environment_ref environments ephemeral epoch equal err
errcode errmsg error errorClass errored errors es escalate escapes establish established estimated
etag etc eval_id even event event_callback event_id events every everyone evict evictable evicted
evicting eviction evt evt_type exa exact exactly example exceed exceeded exceeds exception
exceptions excess exchange exclude_computed_fields excluded exclusive exec exec_module execute_code
executed execution execution_policy executor exemption exfiltration exhausted exhausting exhaustion
exist existent existing exists exit exited exiting expansion expected expected_cancel_generation
expected_execution_generation expecting expiration expiration_datetime expire expired expires expiry
expiry_finalized explicit explicit_id explicitly export expose exposed exposes exposing exposure ext
ext_data extend extending extension extensions external externally extra extra_body extract
extract_images extract_local_files extracted extraction extractor f fact_id factories factory facts
fail failed failing failure failure_count failure_limit failures fal fall fallback
fallback_providers falling falls false family fanout fast fatal fatally faulthandler fds feature
features fed feedback feishu feishu_admission_diagnostics feishu_comment feishu_comment_rules
feishu_meeting_invite fence fenced fetch fetch_models fetched ffmpeg ffmpeg_utils field fields file
fileId file_id file_invalid file_shared file_token file_type filename fileno files files_upload_v2
filter filtered filters fin final final_len finalizable finalize finalized find fine
fine_tuned_model_checkpoint fine_tuning_job_id fingerprint finish finish_streaming_tts finished
finishes finishing finite fire firecrawl fired fired_at fires firewalling fireworks firing first
first64 first_20_bytes first_bytes fit fits fix fixture fixtures flag flagging flags flaps flat
flight float flood floor flow flow_control flush flush_all flushed flushing follow following follows
followup followups font footer for forbidden force force_close forcing foreign forged forget form
format format_context_for_log formatting forms forum forwarded forwarding found foundry four fp
fragment fragmented frame frames freceive free free_scopes freeze freezing fresh fresh_idle freshly
from fronted fronts frozen fsync full full_name full_url function functionality further future
futures g gRPC gap gate gateway gateway_id gateway_platform_event gateway_restart_notification
gateway_state gating gave gc gcloud gemini gen genUploadInfo generate generated generating
generation generations generator generic geometry get getConfig getMe getUpdates getUploadUrl
get_account_data get_application get_bot_user_id get_chat_info get_group_member_list get_iter
get_messages get_next_page get_peer_configuration get_skill_commands getaddrinfo getfixturevalue
getrusage gh git github github_comment given giving global globally globals gmail gmi go_dormant
goal goals goes going going_idle gone good google google_chat google_chat_user_oauth google_meet got
grace graceful grant granted grants graph greater green group group_allow_from group_policy groups
grow growth guard guessable guidance guild guild_id h h2 had halted hand handing handle
handle_async_request handle_drive_comment_event handle_message handle_request handled handler
handlers handles handling handoff handoff_platform handshake hang happen hard has
has_active_processes_fn has_chatid has_key has_next_page has_pending_ack has_platform_message_id
hash hash_password hashed have hdr head header headers heal healed healing health healthy heartbeat
heartbeat_interval held hello helper helpers here hermes hermes_cli heuristic hex hidden high higher
hindsight hindsight_recall hindsight_reflect hindsight_retain hint history hit hold holder holding
holds holographic home homeassistant homes homeserver honcho hook hooks horizon host host_attach
host_rendezvous host_topology hosted hosted_room_discussion hosted_room_driver
hosted_room_execution_policy hosted_room_links hosted_room_peer hosted_room_policy_checkpoint
hosted_room_replicas hosted_rooms hosted_rooms_common hosted_rooms_legacy_import hostname hosts
hours housekeeping html http http2 http_client httpcore httplib https httpx huggingface human
human_delay hung hydrate hydrated hydration hygiene iLink iMessage id id_token id_token_leeway
idempotency idempotent idempotently ident identifier identifiers identify identities identity idle
idle_minutes idna idp ids ies if ignore ignored ignoring illegal im image image_gen
image_generate_tool image_routing image_url images imeta immediately immutable implement
implementation implemented implied import importable important imported imports in in_NON_RESPONSE
in_channel in_file inactive inactivity inbound inbound_ack include included including incoming
incoming_webhook incompatible incomplete inconclusive inconsistent incorrect incr increasing index
indicator indices inf infinite info ingest ingress inherit init init_db initial initial_value
initialization initialize initialized initiated initiating inject injecting injection inline
inline_invalid inline_picker input input_image inputs insecure insert inside inspect inspectable
inspection install installation installed installing installs instance instance_id instances
instantiate instead int intact integer integration integrity intentional intents interaction
interactive intercept intercepted interface interim interleave internal internally interop
interpreter interrupt interrupt_all interrupted interrupting interval intervention into intro
invalid invalid_client invalid_content_part invalid_grant invalid_image_url invalidated invite
invited inviter invocation invoked io ioctl irc is is_connected is_direct is_final
is_gateway_known_command is_group is_still_current is_voice_message is_whole ish islice isn
isolation issue issue37179 issued issuer issues it item item_id items iter_stream iterable iteration
iterator its itself job job_id jobs join join_web_url joined joining js json json_data jwks_uri
kanban kanban_db kanban_watchers kanban_watchers_common kanban_watchers_dispatcher
kanban_watchers_notifier keenable keep keepAlive keepalive keepalive_timeout keeping keeps kept key
keyboards keyless keyless_enabled keyless_mcp keys keywords kicking kickoff kill kill_all killed
killing kilocode kimi kind knob known krea label lack lacks ladder lagged land lane langfuse large
larger lark lark_oapi last lastProbeOutcome last_activity last_heartbeat_at last_id last_mem late
latency later launch launchd layer lazy lazy_deps learn lease least leave leaving ledger left
leftover legacy len length less letting level levels lever lf lib libraries library libs life
lifecycle lifecycle_ledger lifetime like likely limit limitation limited limiter limits line lineage
link link_modes links linux list list_comment_replies list_conclusions list_triage_ids
list_whole_comments listen listener listeners listening literals little live liveness lmstudio load
load_config loaded loader loading loads local local_host local_mode localhost localization localize
localized localizing locally locals locate location lock lockfile locks log logged logging logical
login logs lone long longer look looks lookup loop loopback loops loss lost low lower lowercase m
macOS machine machinery macos made magic mail main maintenance make making malformed managed manager
mandatory manifest manifest_ref manual manually many mapped mapping mappings mark mark_awaiting_text
mark_resume_pending mark_running_jobs_interrupted markdown marked marker marking mask masking match
match_hostname match_info matched matcher matches matching materialized math matrix mattermost
mautrix max max_attachment_bytes max_attempts max_buffer_size max_bytes max_concurrent_sessions
max_concurrent_updates max_in_progress max_in_progress_per_profile max_iterations
max_message_length_for_chat max_ms max_retries max_spawn max_turns max_value maxfds maximum may mcp
mcp_reload_confirm md5 me meaningless means media media_cache media_fetch media_id media_policy
media_repair media_urls medium meet meet_bot meeting meeting_id meeting_ref meetings mem0 member
members memory memory_mode memory_monitor memory_status memory_write mention mention_patterns
mentioned mentions menu merely merge message message_count message_edited message_id
message_not_in_streaming_state message_reaction message_read message_thread_id message_timestamps
messages messages_param_supported messages_present messaging met meta metadata metas method mid
middleware migrate migrated migration mime min min_ms minimax minted minutes mirror mirrored
mirroring misconfigured mislabeled mismatch misrouted missed missed_message_backfill missing mix
mixed mixer mixes mode model model_routes models modes module monitor monitor_for_interrupt
monitoring more most mount move moved moving mpim mrkdwn ms msg msg_body msg_id msg_len msg_types
msglen msgraph msgraph_webhook msgs msgtype much multi multibyte multidict multipart multiple
multiplex multiplex_profile_allowlist multiplex_profiles multiplexed multiplexer must mutating
mutual mutually mybots n n_items name named names namespace narration native natural near nebius
need needed needs negative neither nemo_relay nested netrc network networks never new new_session
new_title newer newly next no node non nonce none nor normal normalize normally nostr_auth not
not_found note notes nothing notice notice_type notices notification notification_url notifications
notified notifier notify notify_active_sessions notify_in_gateway nous novita now npm nsec ntfy ntp
null num_turns number numeric numpy nvidia oapi oauth oauth_contract_version oauth_flow obj object
objects obligation observability observation observe observed observer occur occurred octet odata of
off offer offered offers official offline offset often ok old older oldest ollama on
on_all_adapters_down on_delta on_done on_give_up on_jobs_changed on_memory_write on_new_message
on_processing_complete on_session_end on_session_switch on_spawn onboard onboarding once one
onlineMeetings only onto op opcode open open_id openai openai_client openai_native openclaw opencode
opened openid opening openrouter openssl openviking operation operations operator operator_type opt
opted option optional options opus or order ordered ordinary org organizer origin original
original_configure orphan orphaned other others our out outbound outdated outlive output
output_item_id outside over overdue overflow override override_keys override_model overrides
oversize oversized overwrite overwriting overwritten owed own owned owner ownership owning owns p
pace pacing package packages packet pactl padding page page_id paid pair paired pairing pairs
parallel param parameter parameters params parent parent_chat_id parked parse
parse_drive_comment_event parseable parsed parsing part part_finish partial partially partly parts
pass passed passing passive passthrough passthrough_forward password password_hash past paste patch
path paths pattern patterns pause paused pausing payload payload_keys payloads peer peer_perspective
penalty pending pending_finish pending_sent_at pending_stream_id per percent performing periodic
permanent permanently permission_id permissions permitted perplexity persist
persist_delegation_delivery persisted persistence persistent persisting person personal phase phone
phone_id phone_number phone_number_id photo photon phrase pick picker pickle pickled pickling pid
pidfile pids piling pilk pin ping pings pinned pip pipe pipeline pipewire pk pkill place placeholder
placeholders plain plaintext plan planned platform platform_registry platforms play_ack_in_voice
playback please plugin plugin_api plugin_id plugin_loader plugin_storage plugin_utils plugins plus
pm point points policies policy policy_digest poll polled poller polling pong pool populated port
port_health_grace_timeout portal pos position positional positive possible possibly post
postEphemeral postback posting potential pr pr_number pre pre_command pre_gateway_dispatch pre_wav
precedence precisely precompute predecessor preferred prefers_fresh_final_streaming prefetch
prefetch_method prefill prefix prefixed preflight prematurely prepare preparing presence present
presentation preservation preserved preserving pressure prevent preview previewed previous
previous_response_id prewarm primary primitive principal print prior priority private private_api
proactive proactor probe probed probes problem proceed proceeding proceeds process process_manager
process_registry processed processes processing produced produces producing production profile
profile_routing profiles progress progressing project projectSecret project_id projects
promote_to_session_reset promoted promotion prompt prompt_digest prompt_len prompt_response
propagating proper properly property proposal prose protection protocol prove proven provenance
provide provided provider provider_tier providers provision provisioned provisions proxies proxy
proxy_auth proxy_ssl proxy_ssl_context prune pruned pruning psutil pubkey public publicly publish
published publishes pull pull_request pulse purge purged purpose push pushes putrequest py pyOpenSSL
pydantic_function_tool python q qop qqbot qrcode qsize quarantine quarantined queries query
query_document_meta query_group_info query_len query_rewrite question queue queued queueing queuing
quick quick_commands quiesce quiesced quiescing quota quote quoted qwen r race racing raft
raise_exceptions raise_for_status raised ran rand random randomness range rapid rate rather raw rc
rcvFileDescrReady re reach reachable reached react reaction reactions read read1 read_timeout
readable reader readers readiness reading readinto readonly reads ready real realUrl realm realtime
reap reaped reaper reaping reason reason_code reasoning reasoning_effort reassign rebind rebinding
rebuild rebuilds recall recall_max_input_chars recall_max_tokens recall_mode recall_tags recalled
receipt receipts receive receive_id receive_loop received receiver recently recheck recipient
reclaim reclaim_first reclaimable reclaimed reclassified recognize reconcile reconciled
reconciliation reconciling reconnect reconnected reconnecting reconnection reconnects reconstructed
reconstruction record recorded recording records recover recoverable recovered recovering recovers
recovery recreate recreated recreating recursing recursion recursively recv recv_into recv_streaming
recycled redact redact_secrets redacted redaction redelivered redelivery redial redirect
redirect_uri redirected redirecting redirects redispatch reduce reduced reducing ref refer reference
references refill refill_rate reflect refresh refresh_skill_group refresh_token refreshed refreshing
refund refusal refused refusing regardless regenerate regex region register registered registering
registration registrations registry rehydrate reinstall reinstalled reinstalling reject rejected
rejecting related relaunches relay relay_only_or_absent release released releasing reload reloaded
relying remain remainder remained remaining remains remediation remote remotely removal remove
remove_reaction removed removing remux rename renamed renaming render render_notice_line rendered
rendezvous renewal renewed reopen reopen_session reopened reopening repair repaired repairing repeat
repeated replace replaced replacement replacing replay replica replication replied replies reply
reply_count reply_id reply_in_thread reply_req_id reply_to reply_to_comment reply_to_id
reply_to_text replying repo repointing report reported reports repository representation req_id
request request_id request_provider request_reopen_seed requested requested_at requester requesting
requests requeue require require_address require_admin_for_exec_approval
require_authenticated_sender require_client_max_window_bits require_mention required requirements
requires rescan reschedule rescue resend reservation reserved reset reset_session_vars resetting
resolution resolvable resolve resolve_gateway_approval resolve_gateway_clarify resolved resolver
resolving resource resourceName resource_id resources respawn respawned respawning respawns response
response_delivery_dropped response_delivery_recovered response_filters response_format response_id
response_len response_url responses rest restart restart_after_turn_timeout restart_drain_timeout
restart_loop_guard restarted restarting restarts restore restored restrict restricted restricting
result results resumable resume resume_typing_for_chat resumed resurrecting ret retain retain_async
retain_context retain_every_n retaindb retained retaining retains retargeting retention
retention_seconds retire retired retried retries retrieval retrieve retrieved retry retry_after
retryable retrying return returncode returned returning returns reusable reusing reverse reverting
revive revocation revoke revoked rewind rewind_session rewind_to_message rewinding rewound rewrite
rewrite_transcript rewriter rich rich_sent_store rid risk role room room_id rooms root roots roster
rotate rotated rotation round_trip route route_provider routed router routes routing row rows
rpc_duration rss rule run run_adapters run_agent run_agent_cache run_busy run_common
run_config_loaders run_conversation run_delivery_queue_watch run_goals run_heartbeat_acceptance
run_heartbeat_restore run_id run_idle_gates run_inbound run_inbound_consumer run_inbound_media
run_inbound_unauthorized run_internal_session_turn run_notifications run_notifications_ownership
run_plugin_injection run_plugin_rewire run_profile_reconcile run_shutdown run_shutdown_session_end
run_startup run_topics run_turn run_turn_followup_ack run_turn_runner
run_turn_runner_approval_settle run_turn_runner_clarify_delivery run_voice run_watchers runner
running runs runtime runtime_footer rust_dynamic s s_ago safe safely safety same sample sandbox
sandboxed sanitized satisfy saturated save saved says scale scale_to_zero scan scanned scene
schedule scheduled scheduler scheduling schema scheme scope scope_id scoped scopes scoping scrape
scraping script scripts scrubbed seal sealed search searxng sec second secondary seconds secp256k1
secret secretId secretKey secret_token secrets section sections securely security see seed seek
seekable seen select selected selection selector self self_hosted self_idx self_manage semantic
semaphore semaphores send sendMessageDraft sendReaction sendRichMessage sendRichMessageDraft send_
send_animation send_card send_choice_picker send_clarify send_context send_document send_draft
send_eof send_exec_approval send_heartbeat_once send_image send_image_file send_invite send_media
send_media_group send_model_picker send_multiple_images send_nowait send_photo send_private_notice
send_queue send_slash_confirm send_stream_frame send_text_chunk send_typing send_update_prompt
send_video send_voice send_with_keyboard sendall sender sender_id sender_staff_id senders sending
sendmessage sense sent sentinel separate separated separator seq seq_list sequence sequences
serializable serialize serialize_as_any serializing serve served served_profiles server
server_max_window_bits server_no_context_takeover servers serves service service_tier serving
session session_arg session_context session_db session_db_recovery session_id session_identity
session_key session_lifecycle session_persistence session_prompt_pin session_recovery session_stall
session_stall_timeout session_state session_transcript session_webhook sessions set setStatus
setSuggestedPrompts setTitle setWebhook set_default_headers set_default_query set_message_reaction
set_my_commands set_peer_card set_presence sethome sets setting settings settle settled settlement
settling setup setup_files severed sha1 sha256 shape shaped share share_keys shared shared_ingress
shell shift short shorten should shouldn show shutdown shutdown_cached_clients shutdown_flush
shutdown_forensics shutdown_watchdog shutting sibling side sidecar sidecar_paths sidecar_port
sidecars sig sign signal signal_format signal_rate_limit signaled signaling signature signatures
signed signing signs silence silent silentForMs silently silk simplex simply since since_seq single
singleton sink site size sizes sk skew skill skill_id skills skip skip_accept_encoding skip_host
skip_if_pending skipped skipping skips slack slash slash_access slash_commands
slash_commands_branch_thread slash_commands_goals slash_commands_login slash_commands_model
slash_commands_session slash_commands_status slash_confirm sleep sleeping slot slots slow slug small
smart sms snapshot snapshot_shutdown_context snippets so sock socket socks socks5 socks5h socksio
soft sole solicited solstice solstice_broker_failed solstice_broker_unreachable
solstice_config_invalid solstice_not_configured solstice_nous_login_required some something sorting
soul source source_event_type space span spawn spawn_async_diagnostic spawned spawning spec specific
specification specified specify specs spectrum speech splice split splitting spool spooled
spooled_to_disk spotify ssl ssl_context ssl_maximum_version ssl_minimum_version ssl_version ssrc
stable stack stacks staff_id stage staging stale staleness stall stalled stamp standalone star start
startStream start_serving_pipe started started_at starter starting starting_after starts startup
startup_watchdog state state_changed statement states static status status_callback
status_inline_source status_phrases status_ttl_seconds stay stay_alive staying stays stderr stdin
stdlib stdout steer step step_id stepfun steps sticker sticker_cache sticky still stop stopStream
stop_event stop_typing stopped stopping stops storage store stored storm str straggler stranded
stranger strategy streak stream stream_consumer stream_consumer_fallback stream_consumer_fences
stream_consumer_think stream_consumer_transport stream_dispatch stream_events stream_id streamed
streaming streaming_overflow_limit streaming_tts_consumer streams strength strict strike strikes
string strings strong structurally structure structured stt stuck style sub subagent subagents
subclass subinterpreters subject subjectAltName submit submodule subprocess subprotocol subprotocols
subscribe subscribed subscriber subscribes subscribing subscription subscription_id subscriptions
subtype succeeded succeeds success successful successfully succession such sufficient suffix
suggestions summary summary_writer supermemory supersede superseded supervision supervisor supplied
support supported supported_efforts supports supports_async_delivery supports_draft_streaming
supports_native_streaming suppress_notification suppressed suppressing sure surface survive
suspected suspected_oom suspend suspend_self suspended suspending suspension swallowed sweep
sweeping switch switching symbolic sync sync_turn synced synchronized synchronous syntax synth
synthetic system system_profiler system_prompt_block systemctl systemd systemd_notify
systemd_stop_mark t table tables tag tagged tags tail takeover takes taking tap target target_idx
target_profile target_url targets task task_id taskkill tasks tavily tcp_site team team_id teams
teams_pipeline teardown telegram telegram_context telegram_entities telegram_held_inbound
telegram_ids telegram_network telegram_reply_to_message_id temp temp_file_id template temporarily
tenant tencent term terminal terminally terminate terminated test test_achievement_engine testing
tests text textStyle text_format text_len than that the their them then there these they this those
though thread thread_create thread_id thread_rename thread_require_mention thread_ts threaded
threads threadsafe threshold throttling through thrown thumbnail tick ticker ticket ticking ticks
tier tiers time timed timed_out timedatectl timeline timeout timer times timestamp tip
tirith_enabled title titled to together toggle token token68 token_endpoint token_leeway token_type
token_url token_urlsafe tokenhub tokens tombstone toml too took tool toolName tool_progress
tool_results tools toolsets top topic topics torn total total_slept total_tokens touch trace
traceback traces tracing tracking trailer trailers trailing transcode transcript transcription
transcripts transfer transformed transient transport transport_security traversal treat treated
treating tree triage tried trigger triggered triggering trim trio tripped true truncate_message
truncated truncating trust trusted try trying ts ttl_seconds tunnel tunneling tuple tuples turn
turn_context turn_executor turn_id turn_lease turn_message_count turns twice two type typed types
typically typing u uid un unable unaddressed unassigned unattended unauthenticated unauthorized
unavailable unblocking unbound unbuffered unchanged unclean uncommitted undeliverable undelivered
under underlying undo unexecuted unexpected unexpectedly unfurl unhandled unhealthy unicode uniform
union_id unique unit unknown unless unlikely unlimited unlinked unmapped unmatching unowned
unparseable unpickled unprefixed unprotected unpublished unreachable unreadable unrecognized
unrecoverable unregister unregistered unrelated unresolvable unresolved unresponsive unrouted unsafe
unsandboxed unscoped unserved unset unsupported unsupported_content_type unsure until untracked
untrusted unusable unverifiable unwind unwinding up update update_admission update_id update_mode
update_prompt_id updated updated_at updater updates upgrade upgraded upgrading upload
upload_full_url upload_id upload_media_bytes upload_param upload_part_finish upload_prepare uploaded
uploading uploads upper upscale upscaler upstage upstream uptime uri url url_for urllib urllib3
usable usage use used user user_allowed_commands user_id user_len user_preview username users uses
using usually util utils uv v0 v1 v2 v3 valid validating validation value values var variable
variables varint vars vector_store_id vendor venv verb verbatim verification verified verifier
verify verify_ssl version vertex very via video video_gen video_id virtual visible vision
vision_analyze vocabulary voice voice_fx voice_mention voice_mixer voice_wav_url vote vs vulnerable
w waba wait wait_complete waited waiter waiting wake wake_url wakeup waking walking wamid want warm
warmed warmer warning warning_notifications warnings was watch watch_all watch_domains
watch_entities watchdog watcher watching watermark wav waveform wbits we web web_extract webhook
webhook_coalesce webhook_filters webhook_secret websocket websockets wecom wecom_callback
wecom_crypto wedged wedging weixin went were whatsapp whatsapp_cloud whatsapp_common
whatsapp_identity when whether which while whitelist whitespace who whoami whole whose whsec_ why
wide wider widget widgets wildcards will win window windows winget wins wire wired wiring with
withdrawing withdrawn withheld within without witness woke work worker workers working workspace
worthy would wrap_bio wrapped writable write write_eof write_tool_log writer writes writing written
wrong wrote ws ws_transport wsgi wss x xAI xai xiaomi xoxb xoxp yaml yarl ybres yet yield yielded
yolo you your your_id yuanbao yuanbao_media yuanbao_proto yuanbao_sticker zai zen zero zlib zombie
zstandard zstd 上传成功 不完整 失败 已超过 文件过大 缺少字段 返回字段不完整 限制
""".split()
)
